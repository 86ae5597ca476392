-- KEYS meta ev jr snap sessions gone   ARGV epoch principal hash exp fresh sid now term
local m = redis.call('HMGET', KEYS[1], 'pr', 'ep', 'head', 'st')
if m[1] then
  if m[1] ~= ARGV[2] then return {'FORBIDDEN'} end
  return {'EXISTS', m[2], m[3], m[4]}
end
if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) > 0 then return {'STRAY'} end
if ARGV[5] == '0' and redis.call('ZSCORE', KEYS[6], ARGV[6] .. '/' .. ARGV[3]) then
  return {'EXPIRED'}
end
redis.call('HSET', KEYS[1], 'v', 1, 'ep', ARGV[1], 'head', 0, 'floor', 1, 'jn', 0, 'inn', 0,
  'ic', 0, 'fence', 0, 'own', '', 'lu', 0, 'st', 'idle', 'cur', '', 'op', '', 'crashes', 0,
  'mark', '', 'pr', ARGV[2], 'exp', ARGV[4], 'ct', ARGV[7], 'mt', ARGV[7],
  'term', ARGV[8])
redis.call('ZADD', KEYS[5], ARGV[4], ARGV[6])
return {'CREATED', ARGV[1], '0', 'idle'}
