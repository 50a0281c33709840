-- Gateways that fall silent together, and whose line each of them uses.
alter table gateway add column operator text not null default '';  -- of its line, as it was registered; empty: nobody has said

-- Whose silence an outage tells of. A row stays when the gateway is back.
create table outage_gateway (
    alert_id bigint not null references alert,
    gateway_id int not null references gateway,
    heard_at timestamptz not null,   -- when it was last heard of before
    covers boolean not null,         -- it would have told of a fall or an SOS
    joined_at timestamptz not null,
    back_at timestamptz,             -- null: it is silent
    primary key (alert_id, gateway_id)
);
create unique index outage_of_gateway on outage_gateway (gateway_id) where back_at is null;

alter table outage_gateway enable row level security;
create policy mine on outage_gateway for select to hjemvakt_api using (exists (select from alert where alert.id = alert_id));
grant select on outage_gateway to hjemvakt_api;
