-- KEYS meta ready lease wk   ARGV own fence due publish sid
-- due: '' others shall go on now, '0' nothing to do, else a time to wake at
redis.call('ZREM', KEYS[2], '')
local m = redis.call('HMGET', KEYS[1], 'own', 'fence', 'inn', 'ic')
if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] then return {'FENCED', m[1] or '', m[2] or ''} end
redis.call('ZREM', KEYS[3], ARGV[5])
redis.call('HSET', KEYS[1], 'own', '')
if ARGV[3] == '' or tonumber(m[3]) > tonumber(m[4]) then
  redis.call('ZADD', KEYS[2], now_ms(), ARGV[5])
  redis.call(ARGV[4], KEYS[4], ARGV[5] .. ' ')
elseif ARGV[3] ~= '0' then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[5])
end
return {'OK'}
