-- KEYS meta ev   ARGV epoch after limit principal (epoch '' or principal '': not compared)
local m = redis.call('HMGET', KEYS[1], 'pr', 'ep', 'head', 'floor', 'st')
if not m[1] then return {'GONE'} end
if ARGV[4] ~= '' and m[1] ~= ARGV[4] then return {'FORBIDDEN'} end
if ARGV[1] ~= '' and m[2] ~= ARGV[1] then return {'EPOCH', m[2], m[3], m[5]} end
local after, head = tonumber(ARGV[2]), tonumber(m[3])
if after > head then return {'AHEAD', m[2], m[3], m[5]} end
if after + 1 < tonumber(m[4]) then return {'TRIMMED', m[2], m[3], m[5]} end
local answer = {'OK', m[2], m[3], m[5]}
if after == head then return answer end
local found = redis.call('XRANGE', KEYS[2], (after + 1) .. '-0', '+', 'COUNT', ARGV[3])
if #found == 0 or found[1][1] ~= (after + 1) .. '-0' then return {'HOLE', m[2], m[3], m[5]} end
for i, entry in ipairs(found) do answer[4 + i] = entry[2][2] end
return answer
