-- KEYS lease, metas…   ARGV own lease, then sid and fence for each meta
-- Returns the time, then per session the last inbox number, or -1 where the lease is lost.
redis.call('ZREM', KEYS[1], '')
local now, lease = now_ms(), tonumber(ARGV[2])
local answer = {now}
for i = 2, #KEYS do
  local sid, fence = ARGV[2 * i - 1], ARGV[2 * i]
  local m = redis.call('HMGET', KEYS[i], 'own', 'fence', 'inn')
  if m[1] == ARGV[1] and m[2] == fence then
    redis.call('HSET', KEYS[i], 'lu', now + lease)
    redis.call('ZADD', KEYS[1], now + lease, sid)
    answer[i] = tonumber(m[3])
  else
    answer[i] = -1
  end
end
return answer
