-- What the read model only hands out again is kept as the text it came as: taking it apart into jsonb was a tenth of what a
-- rebuild costs, and putting it together again part of every answer.

-- What is made or kept beside the live tables has other columns.
do $$ begin perform projector.drop_build(schema) from projector.builds; end $$;
delete from projector.builds;

alter table projector.tickets
    alter entities type json using entities::json,
    alter analysis type json using analysis::json,
    alter corrections type json using corrections::json;
alter table projector.timeline
    alter details type json using details::json,
    alter sealed type json using sealed::json;

-- Another type forgets how its column is compressed.
do $$ begin
    alter table projector.tickets
        alter entities set compression lz4, alter analysis set compression lz4, alter corrections set compression lz4;
    alter table projector.timeline alter details set compression lz4, alter sealed set compression lz4;
exception when feature_not_supported then
    null;
end $$;
