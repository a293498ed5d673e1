-- Full text of tickets, and what lists need at a million of them.

-- The words of each ticket, apart from the ticket: indexing text is slow, so a stage of its own does it, and neither
-- the tickets nor their rebuild wait for it. Holds personal data: erasing a requester deletes the rows of their tickets.
create table projector.search (
    number    bigint   primary key,
    ticket_id text     not null unique,
    -- The language of the stems, as the analyzer says; null = not known yet.
    stems_of  text,
    -- The words as written, with their places (prefixes and phrases), and their stems in the ticket's language.
    words     tsvector not null
);
create index search_words on projector.search using gin (words);

-- The dictionary of each language that has one; a language without one is searched as written.
create function projector.stemmer(language text) returns regdictionary language sql immutable parallel safe as $$
    select case language
        when 'da' then 'danish_stem'::regdictionary
        when 'de' then 'german_stem'::regdictionary
        when 'en' then 'english_stem'::regdictionary
        when 'es' then 'spanish_stem'::regdictionary
        when 'fi' then 'finnish_stem'::regdictionary
        when 'fr' then 'french_stem'::regdictionary
        when 'it' then 'italian_stem'::regdictionary
        when 'nl' then 'dutch_stem'::regdictionary
        when 'pt' then 'portuguese_stem'::regdictionary
        when 'ru' then 'russian_stem'::regdictionary
        when 'sv' then 'swedish_stem'::regdictionary
        when 'tr' then 'turkish_stem'::regdictionary
    end
$$;

-- The stems of words already taken apart, so that learning the language later does not need the text again.
create function projector.stems(language text, words tsvector) returns tsvector
language sql immutable parallel safe as $$
    select coalesce(array_to_tsvector(array_agg(distinct stem)), '')
    from unnest(tsvector_to_array(words)) word, unnest(ts_lexize(projector.stemmer(language), word)) stem
    where projector.stemmer(language) is not null and stem <> ''
$$;

-- One word of a question: as written, or by its stem in any language: who asks does not say which one.
create function projector.any_form(word text) returns tsquery language sql immutable parallel safe as $$
    select plainto_tsquery('simple', word)
        || plainto_tsquery('danish', word) || plainto_tsquery('german', word) || plainto_tsquery('english', word)
        || plainto_tsquery('spanish', word) || plainto_tsquery('finnish', word) || plainto_tsquery('french', word)
        || plainto_tsquery('italian', word) || plainto_tsquery('dutch', word) || plainto_tsquery('portuguese', word)
        || plainto_tsquery('russian', word) || plainto_tsquery('swedish', word) || plainto_tsquery('turkish', word)
$$;

-- A question, term by term: all of them must hold. kinds: word | phrase | prefix, each with '-' before it to exclude.
create function projector.search_query(kinds text[], terms text[]) returns tsquery
language plpgsql immutable parallel safe as $$
declare
    asked tsquery := '';
    term tsquery;
begin
    for i in 1 .. coalesce(cardinality(terms), 0) loop
        term := case ltrim(kinds[i], '-')
            when 'phrase' then phraseto_tsquery('simple', terms[i])
            -- Quoted, so that nothing in it is an operator.
            when 'prefix' then to_tsquery('simple', '''' || replace(replace(terms[i], '\', '\\'), '''', '''''') || ''':*')
            else projector.any_form(terms[i])
        end;
        -- Nothing but punctuation asks for nothing.
        continue when numnode(term) = 0;
        asked := asked && case when kinds[i] like '-%' then !! term else term end;
    end loop;
    return asked;
end $$;

-- Lists by urgency.
create index tickets_urgency on projector.tickets (coalesce(urgency, 0), number);
-- Lists by the last change, and live updates: the timeline only grows at this index's end, while an index over the
-- tickets' own last change would move with every event.
create index timeline_position on projector.timeline (position);

-- Labels depend on each other (a Critical ticket is rarely content): without this the planner multiplies and is wrong
-- by orders of magnitude about combined filters.
create statistics projector.tickets_labels (dependencies, mcv)
    on status, category, priority, sentiment, request_type, route from projector.tickets;
