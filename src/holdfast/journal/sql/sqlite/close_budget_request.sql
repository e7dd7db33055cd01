-- More is allowed of budget ?3 of run ?1, or of its step ?4.
update requests set closed = ?2
where run = ?1 and kind = 'budget' and closed is null
  and exists (
    select 1
    from events e
    where e.run = ?1 and e.seq = requests.opened
      and json_extract(e.data, '$.lacking.key') = ?3
      and coalesce(json_extract(e.data, '$.lacking.step'), '') = ?4
  )
