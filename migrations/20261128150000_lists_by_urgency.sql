-- The most urgent of a list are found like the newest: an index of combinations has them in that order, and so has one of what
-- needs a person; that of assignees holds the urgency. It is there twice because no index is read alone for the sake of an
-- expression.
create index tickets_label_set_urgency on projector.tickets (label_set, coalesce(urgency, 0), number) include (urgency);
create index tickets_needs_review_urgency on projector.tickets (coalesce(urgency, 0), number) include (urgency, label_set)
    where needs_review;
drop index projector.tickets_assignee;
create index tickets_assignee on projector.tickets (assignee, number) include (label_set, needs_review, urgency)
    where assignee is not null;
