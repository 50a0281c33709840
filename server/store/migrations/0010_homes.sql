-- What a home's sensors said, and which sensors it has, without reading everybody's.
create index event_of_home on event (home_id, occurred_at) where home_id is not null;
create index binding_of_home on binding (home_id) where home_id is not null;
