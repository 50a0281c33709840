-- Which ways out the installation has now: the clock role says it, screens offer it. Of push: the key that browsers subscribe to
-- (for ever the first one, for subscriptions hold only with it) and the push services that the administrator named.
create table way_offer (
    way text primary key check (way in ('push', 'sms', 'email')),
    public_key text not null default '',
    own_hosts text[] not null default '{}',
    offered boolean not null
);
grant select on way_offer to hjemvakt_api;
