select p.digest, p.size, p.data from runs r join plans p on p.digest = r.plan_digest where r.id = ?
