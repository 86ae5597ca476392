-- KEYS meta ready lease sessions gone, other keys of the session…   ARGV mode hash sid
-- Removes a session and leaves a tombstone. mode: expired or closed.
redis.call('ZREM', KEYS[2], '')
local m = redis.call('HMGET', KEYS[1], 'exp', 'wait', 'st')
local now = now_ms()
if m[3] then
  local ends = math.max(tonumber(m[1]), tonumber(m[2] or 0))
  if ARGV[1] == 'expired' and ends > now then
    redis.call('ZADD', KEYS[4], ends, ARGV[3])
    return {'ALIVE'}
  end
  if ARGV[1] == 'closed' and m[3] ~= 'closed' then return {'ALIVE'} end
end
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('ZREM', KEYS[3], ARGV[3])
redis.call('ZREM', KEYS[4], ARGV[3])
redis.call('ZADD', KEYS[5], now, ARGV[3] .. '/' .. ARGV[2])
redis.call('UNLINK', KEYS[1])
for i = 6, #KEYS do redis.call('UNLINK', KEYS[i]) end
return {'OK'}
