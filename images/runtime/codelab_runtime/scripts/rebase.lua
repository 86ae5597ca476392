-- KEYS meta ready lease ch wk   ARGV old epoch, new epoch, term, publish, sid
-- The store may have lost the end of the log, which readers know: from here on it is another log.
-- What is left of it stays; whoever writes next has to claim the session first.
local m = redis.call('HMGET', KEYS[1], 'ep', 'fence')
if not m[1] then return {'GONE'} end
if m[1] ~= ARGV[1] then return {'DONE', m[1]} end
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], 'ep', ARGV[2], 'term', ARGV[3], 'fence', m[2] + 1, 'own', '')
redis.call('ZREM', KEYS[3], ARGV[5])
redis.call('ZADD', KEYS[2], t[1] * 1000 + math.floor(t[2] / 1000), ARGV[5])
redis.call(ARGV[4], KEYS[4], ARGV[2] .. ' 1\n')
redis.call(ARGV[4], KEYS[5], ARGV[5] .. ' ')
return {'OK', ARGV[2]}
