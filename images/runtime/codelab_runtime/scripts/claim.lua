-- KEYS meta ready lease   ARGV own lease sid
redis.call('ZREM', KEYS[2], '')
local m = redis.call('HMGET', KEYS[1], 'st', 'own', 'lu')
if not m[1] then
  redis.call('ZREM', KEYS[2], ARGV[3])
  redis.call('ZREM', KEYS[3], ARGV[3])
  return {'GONE'}
end
if m[1] == 'closed' or m[1] == 'quarantined' then
  redis.call('ZREM', KEYS[2], ARGV[3])
  redis.call('ZREM', KEYS[3], ARGV[3])
  return {'REFUSED', m[1]}
end
local now, lease = now_ms(), tonumber(ARGV[2])
if m[2] ~= ARGV[1] and is_held(m[2], tonumber(m[3]), now, lease) then return {'HELD', m[2]} end
return {'OK', unpack(take(KEYS[1], KEYS[2], KEYS[3], ARGV[3], ARGV[1], now, lease))}
