-- Certificates of our own parts (a broker, the monitor's sessions): a part asks with a key that it made and keeps, the clock
-- role signs. And what was revoked, signed, for brokers that ask nobody. Nothing of it is the api's.

-- `hosts`: what a server is called by those who connect to it; none: a TLS client.
create table part_certificate (
    name text not null,
    key text not null,       -- SHA-256 of the public key
    csr text not null,
    hosts text[] not null,
    asked_at timestamptz not null,
    certificate text,
    fault text not null default '',  -- why it could not be signed until now
    next_at timestamptz,
    primary key (name, key)
);
create index on part_certificate (asked_at) where certificate is null;

-- `of`: the serials in it, so that it is made again when they change.
create table revocation_list (
    one boolean primary key default true check (one),
    pem text not null,
    of text not null,
    made_at timestamptz not null
);
