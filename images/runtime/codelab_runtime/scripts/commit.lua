-- KEYS meta ev jr in tc ready lease ch
-- ARGV 1 own 2 fence 3 op 4 head 5 jn 6 publish 7 ic 8 rest 9 sid 10-13 counts of what follows:
--      events, records, meta strings, slot strings (the last two in pairs)
-- rest: '' keep the lease, '0' let go, else let go until that time
local m = redis.call('HMGET', KEYS[1], 'own', 'fence', 'op', 'head', 'jn', 'ep', 'inn',
  'ic')
if not m[6] then return {'GONE'} end
local rest = ARGV[8]
if m[3] == ARGV[3] then -- the reply of this very commit was lost
  if rest ~= '' and m[1] == ARGV[1] then return {'MORE', m[4], m[5], m[7]} end
  return {'OK', m[4], m[5], m[7]}
end
if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] then return {'FENCED', m[1], m[2]} end
if m[4] ~= ARGV[4] or m[5] ~= ARGV[5] then return {'DIVERGED', m[4], m[5]} end

local at, head, jn = 13, ARGV[4] + 0, ARGV[5] + 0
local events, records = tonumber(ARGV[10]), tonumber(ARGV[11])
local metas, slots = tonumber(ARGV[12]), tonumber(ARGV[13])
for i = 1, events do redis.call('XADD', KEYS[2], (head + i) .. '-0', 'd', ARGV[at + i]) end
at = at + events
for i = 1, records do redis.call('XADD', KEYS[3], (jn + i) .. '-0', 'd', ARGV[at + i]) end
at = at + records
if metas > 0 then redis.call('HSET', KEYS[1], unpack(ARGV, at + 1, at + metas)) end
at = at + metas
if slots > 0 then redis.call('HSET', KEYS[5], unpack(ARGV, at + 1, at + slots)) end
redis.call('HSET', KEYS[1], 'op', ARGV[3], 'head', head + events, 'jn', jn + records, 'ic', ARGV[7])
if ARGV[7] ~= m[8] then redis.call('XTRIM', KEYS[4], 'MINID', (ARGV[7] + 1) .. '-0') end
local status = 'OK'
if rest ~= '' then
  if tonumber(m[7]) > tonumber(ARGV[7]) then
    status = 'MORE' -- a command came in meanwhile: the lease is kept
  else
    redis.call('HSET', KEYS[1], 'own', '')
    redis.call('ZREM', KEYS[7], ARGV[9])
    if rest ~= '0' then redis.call('ZADD', KEYS[6], rest, ARGV[9]) end
  end
end
if events > 0 then
  redis.call(ARGV[6], KEYS[8],
    m[6] .. ' ' .. (head + 1) .. '\n' .. table.concat(ARGV, '\n', 14, 13 + events))
end
return {status, head + events, jn + records, m[7]}
