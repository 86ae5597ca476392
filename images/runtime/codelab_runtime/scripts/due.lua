-- KEYS ready lease   ARGV limit lease
-- Returns how many sessions are ready now, then those that anybody may claim, oldest first.
local now, lease = now_ms(), tonumber(ARGV[2])
local ready = redis.call('ZCOUNT', KEYS[1], '-inf', now)
local answer = {ready}
local function add(sids) for _, sid in ipairs(sids) do answer[#answer + 1] = sid end end
add(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1]))
add(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1]))
add(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. (now + 2 * lease), '+inf', 'LIMIT', 0, ARGV[1]))
return answer
