-- KEYS meta in dd tc ready lease wk
-- ARGV 1 principal 2 client/cid 3 digest 4 bytes 5 own 6 want 7 lease 8 publish 9 max 10 sid
--      11 slot 12 answer digest 13 outcome 14 by 15 most queued messages, '' not compared
--      16 how many commands are remembered
-- Accepts one command. With a slot (settle) it is the answer to a call: the first writer wins.
local m = redis.call('HMGET', KEYS[1], 'pr', 'st', 'inn', 'ic', 'own', 'lu', 'fence', 'drv', 'q')
if not m[1] then return {'GONE'} end
if m[1] ~= ARGV[1] then return {'FORBIDDEN'} end
local seen = redis.call('HGET', KEYS[3], ARGV[2])
if seen then
  local digest, n, late = string.match(seen, '^(%S+) (%d+) (%d)$')
  if digest == ARGV[3] then return {'DUP', n, late} end
  return {'CONFLICT'}
end
if m[2] == 'closed' or m[2] == 'quarantined' then return {'REFUSED', m[2]} end
local slot, late, approval = ARGV[11], 0, false
if slot ~= '' then
  local is_decision = string.sub(slot, -2) == '#a'
  local state = redis.call('HGET', KEYS[4], slot)
  if not state then return {'UNKNOWN'} end
  local first = redis.call('HGET', KEYS[4], slot .. ':d')
  if first and first ~= '' then -- '': an answer that could not be used
    local digest, outcome, by = string.match(first, '^(%S*) (%S*) (.*)$')
    return {digest == ARGV[12] and 'SAME' or 'ANSWERED', outcome, by}
  end
  if state ~= 'open' then
    if is_decision then return {'ANSWERED', state, ''} end
    late = 1
  elseif not is_decision and redis.call('HGET', KEYS[4], slot .. '#a') == 'open' then
    if m[8] == 'v1' then return {'UNDECIDED'} end
    approval = true -- a plain client's result is its decision
  end
end
if m[3] - m[4] >= tonumber(ARGV[9]) then return {'FULL'} end
if ARGV[15] ~= '' and tonumber(m[9] or 0) >= tonumber(ARGV[15]) then return {'QUEUE_FULL'} end

local now, lease, n = now_ms(), tonumber(ARGV[7]), m[3] + 1
redis.call('XADD', KEYS[2], n .. '-0', 'd', ARGV[4], 'l', late)
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3] .. ' ' .. n .. ' ' .. late, '#' .. n, ARGV[2])
local oldest = '#' .. (n - tonumber(ARGV[16]))
redis.call('HDEL', KEYS[3], redis.call('HGET', KEYS[3], oldest) or oldest, oldest)
redis.call('HSET', KEYS[1], 'inn', n)
if slot ~= '' then
  if late == 0 then redis.call('HSET', KEYS[4], slot, 'settled') end
  redis.call('HSET', KEYS[4], slot .. ':d', ARGV[12] .. ' ' .. ARGV[13] .. ' ' .. ARGV[14])
  if approval then
    redis.call('HSET', KEYS[4], slot .. '#a', 'settled', slot .. '#a:d', '- implied ' .. ARGV[14])
  end
end
if is_held(m[5], tonumber(m[6]), now, lease) then
  redis.call(ARGV[8], KEYS[7], ARGV[10] .. ' ' .. m[5])
  return {'OK', n, late, m[5], m[7]}
end
if ARGV[6] == '1' then
  local taken = take(KEYS[1], KEYS[5], KEYS[6], ARGV[10], ARGV[5], now, lease)
  return {'OK', n, late, ARGV[5], taken[1], unpack(taken, 2)}
end
if m[5] == '' then redis.call('ZADD', KEYS[5], now, ARGV[10]) end -- else `due` finds the lease over
redis.call(ARGV[8], KEYS[7], ARGV[10] .. ' ')
return {'OK', n, late, '', m[7]}
