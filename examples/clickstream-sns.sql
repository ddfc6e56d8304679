-- Where examples/clickstream-sns.toml loads. Run it before `sluice init-db`, which leaves an existing table as it is.
CREATE TABLE clicks (
  happened_at timestamptz NOT NULL,
  page text NOT NULL,
  action varchar(16) NOT NULL,
  amount numeric(12,2),
  session uuid NOT NULL,
  visitor text NOT NULL,
  topic text NOT NULL,
  tenant text NOT NULL,
  message_id uuid NOT NULL,
  event_number integer NOT NULL,
  other jsonb NOT NULL
) PARTITION BY RANGE (happened_at);

CREATE TABLE clicks_2026_01_01 PARTITION OF clicks FOR VALUES FROM ('2026-01-01 00:00Z') TO ('2026-01-02 00:00Z');
CREATE TABLE clicks_2026_01_02 PARTITION OF clicks FOR VALUES FROM ('2026-01-02 00:00Z') TO ('2026-01-03 00:00Z');
