-- Schema 1 of a Holdfast journal. Events are the truth; steps, attempts, effects and requests are folded from them in the
-- transaction that appends them, and `holdfast doctor --rebuild` folds them again.

create table plans (
  digest text primary key,
  size integer not null check (size >= 0),  -- bytes before packing
  data blob not null check (length(data) <= size)  -- packed by zlib where shorter than size
) strict;

-- Run 0 is the project's own stream.
create table runs (
  n integer primary key check (n >= 0),
  id text not null unique,
  plan text not null,
  revision integer not null,
  plan_digest text references plans (digest),
  plan_file text not null,
  parent text,  -- the run that an attempt of is this one, for a nested run
  parent_step text,
  status text not null check (
    status in ('pending', 'running', 'paused', 'blocked', 'succeeded', 'partial', 'failed', 'canceled', 'quarantined')
  ),
  seq integer not null,  -- the event that brought the status
  pausing integer,  -- the run.pausing event in force
  canceling integer,  -- the run.canceling event in force
  created_at integer not null,
  started_at integer,
  finished_at integer,
  check (n = 0 or plan_digest is not null),
  check ((parent is null) = (parent_step is null)),
  check ((status in ('succeeded', 'partial', 'failed', 'canceled')) = (finished_at is not null))
) strict;

create index unfinished_runs on runs (plan) where finished_at is null;
create index nested_runs on runs (parent) where parent is not null;

create table events (
  run integer not null references runs (n),
  seq integer not null check (seq > 0),
  at integer not null,
  kind text not null,
  step text,
  attempt integer,
  data text not null,
  hash blob not null check (length(hash) = 32),
  primary key (run, seq)
) strict, without rowid;

create trigger events_are_not_changed before update on events
begin
  select raise(abort, 'events are append-only');
end;

create trigger events_are_not_deleted before delete on events
begin
  select raise(abort, 'events are append-only');
end;

-- One row per transaction that appended events; `runs` is a JSON array of [run, first seq, last seq].
create table commits (
  n integer primary key check (n > 0),
  head blob not null check (length(head) = 32),
  runs text not null
) strict;

create table leases (
  run integer primary key references runs (n),
  fence integer not null check (fence > 0),
  held integer not null check (held in (0, 1)),
  host text not null,
  boot text not null,
  pid integer not null,
  start text not null,
  engine text not null,
  since integer not null,
  expires integer not null
) strict;

create trigger fences_never_go_down before update of fence on leases when new.fence < old.fence
begin
  select raise(abort, 'a fence never goes down');
end;

-- A step without a row has not begun. Its latest attempt is on its row, so that there cannot be two that run; numbers in
-- `started`, `spawned`, `adopted` and `ended` are those of the attempt's events.
create table steps (
  run integer not null,
  step text not null,
  -- A chain of comparisons, the most frequent first: SQLite builds a table for `in` with every row, which costs 2 us.
  status text not null check (
    status = 'succeeded' or status = 'running' or status = 'skipped' or status = 'failed' or status = 'canceled'
    or status = 'retrying' or status = 'ready' or status = 'uncertain' or status = 'pending' or status = 'waiting'
    or status = 'reused' or status = 'recovered'
  ),
  seq integer not null,  -- the event that brought the status
  attempt integer not null check (attempt >= 0),  -- the latest attempt, 0 before the first
  keyed integer not null,  -- of the latest attempt: 1 it has an effect, 2 it knows what it is for (3 both)
  started integer,
  spawned integer,
  adopted integer,
  ended integer,
  primary key (run, step),
  -- A step that was expanded runs without an attempt of its own; an attempt of one that waits may be under way.
  check (status = 'waiting' or (status = 'running' and attempt > 0) = (started is not null and ended is null))
) strict, without rowid;

-- Steps that became one instance for each key of a list; `seq` is the event that holds the keys.
create table expansions (
  run integer not null,
  step text not null,
  seq integer not null,
  primary key (run, step)
) strict, without rowid;

-- Steps whose end led back to an earlier one; `seq` is the event that holds the new visits.
create table jumps (
  run integer not null,
  step text not null,
  seq integer not null,
  primary key (run, step)
) strict, without rowid;

-- Attempts before a step's latest one.
create table attempts (
  run integer not null,
  step text not null,
  attempt integer not null check (attempt > 0),
  started integer not null,
  spawned integer,
  adopted integer,
  ended integer not null check (ended > started),
  primary key (run, step, attempt)
) strict, without rowid;

create table effects (
  run integer not null,
  step text not null,
  key text not null unique,
  state text not null check (state in ('intended', 'uncertain', 'applied', 'failed', 'skipped')),
  attempt integer not null,
  seq integer not null,  -- the event that brought the state
  primary key (run, step)
) strict, without rowid;

-- Attempts that know what they are for, and (attempt 0) steps for which an earlier result was restored: what may stand in
-- for a later execution. `started` and `ended` are numbers of events.
create table records (
  run integer not null,
  step text not null,
  attempt integer not null check (attempt >= 0),
  started integer not null,
  ended integer check (ended >= started),
  status text not null,
  primary key (run, step, attempt)
) strict, without rowid;

-- What people are asked or told; `opened` and `closed` are numbers of events. No step: it is about the run.
create table requests (
  run integer not null,
  opened integer not null,
  step text not null,
  kind text not null check (kind in ('resolve', 'review', 'budget', 'escalation', 'loop')),
  closed integer check (closed > opened),
  primary key (run, opened)
) strict, without rowid;

create unique index open_requests on requests (run, step, kind) where closed is null and step <> '';

-- Circuit breakers, which all runs share: folded from the project's own stream.
create table breakers (
  name text primary key,
  state text not null check (state in ('closed', 'open', 'half-open')),
  generation integer not null check (generation >= 0),
  failures integer not null check (failures >= 0),  -- in a row
  since integer not null,
  due integer not null,
  allowed integer not null check (allowed > 0),
  proven integer not null check (proven >= 0),
  trials text not null,  -- a JSON array of [run, step, attempt]
  code text,
  seq integer not null,  -- the event that brought it here
  check (proven + json_array_length(trials) <= allowed),
  check (state = 'half-open' or (proven = 0 and trials = '[]'))
) strict, without rowid;

-- Locks that are held, by attempts or (no step, attempt 0) by whole runs. Like leases they are not folded: what held one
-- may be gone, and whoever wants it next finds that out.
create table locks (
  name text primary key,
  run integer not null references runs (n),
  step text not null,
  attempt integer not null check (attempt >= 0),
  since integer not null,
  check ((step = '') = (attempt = 0))
) strict, without rowid;

-- Who waits for locks, first come, first served; `names` is a JSON array.
create table lock_tickets (
  n integer primary key,
  run integer not null references runs (n),
  step text not null,
  names text not null,
  unique (run, step)
) strict;

-- What limits had to say of a run: where its events about budgets are.
create table budget_events (
  run integer not null,
  seq integer not null,
  primary key (run, seq)
) strict, without rowid;

create view v_runs as
select
  r.id as run,
  r.plan,
  r.revision,
  r.status,
  r.created_at,
  r.started_at,
  r.finished_at,
  r.plan_file,
  r.plan_digest,
  r.parent,
  r.parent_step,
  json_extract(e.data, '$.inputs') as inputs
from runs r
join events e on e.run = r.n and e.seq = 1
where r.n > 0;

create view v_step_attempts as
select
  r.id as run,
  a.step,
  a.attempt,
  coalesce(json_extract(e.data, '$.status'), 'running') as status,
  json_extract(e.data, '$.exit_code') as exit_code,
  json_extract(e.data, '$.error.code') as error_code,
  json_extract(e.data, '$.error.message') as error_message,
  s.at as started_at,
  e.at as finished_at,
  coalesce(json_extract(p.data, '$.pid'), json_extract(e.data, '$.pid')) as pid,
  a.adopted is not null as adopted
from runs r
join (
  select run, step, attempt, started, spawned, adopted, ended from attempts
  union all
  select run, step, attempt, started, spawned, adopted, ended from steps where attempt > 0
) a on a.run = r.n
join events s on s.run = a.run and s.seq = a.started
left join events p on p.run = a.run and p.seq = a.spawned
left join events e on e.run = a.run and e.seq = a.ended;

create view v_run_events as
select
  r.id as run,
  e.seq,
  e.at,
  e.kind,
  e.step,
  e.attempt,
  e.data,
  lower(hex(e.hash)) as hash
from runs r
join events e on e.run = r.n;

insert into runs (n, id, plan, revision, plan_file, status, seq, created_at)
values (0, '0', '', 0, '', 'pending', 0, 0);
