-- How counters were at an hour is the sum of all their changes before it. By the hour that is a hundred rows for each hour there
-- ever was; so changes are kept by the day too, and only the last day is summed by the hour.
--
-- The statistics are made anew for it (their version is raised): until then "as of" answers wait, as for any upgrade.
alter table projector.statistics drop constraint statistics_grain_check;
alter table projector.statistics
    add constraint statistics_grain_check check (grain in ('all', 'day', 'hour', 'change', 'change-day'));
