-- KEYS meta sessions, other keys of the session…   ARGV own fence exp backstop sid
-- exp moves the life of a session; the backstop is the server's own expiry, should no sweeper run.
local m = redis.call('HMGET', KEYS[1], 'own', 'fence')
if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] then return {'FENCED', m[1] or '', m[2] or ''} end
redis.call('HSET', KEYS[1], 'exp', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[5])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
for i = 3, #KEYS do redis.call('PEXPIREAT', KEYS[i], ARGV[4]) end
return {'OK'}
