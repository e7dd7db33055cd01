insert into plans (digest, size, data) values (?, ?, ?) on conflict (digest) do nothing
