-- Shared by the scripts that follow it in one text: time, and the right to drive a session.
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- A lease end further ahead than two leases is the work of a clock that jumped: void.
local function is_held(own, lu, now, lease)
  return own and own ~= '' and now < lu and lu <= now + 2 * lease
end

-- Make `own` the owner of a session that nobody holds; the caller has checked everything.
-- An owner lets go when it rests: taking from one that made no progress counts as its crash.
local function take(meta, ready, lease_key, sid, own, now, lease)
  local m = redis.call('HMGET', meta, 'own', 'fence', 'ep', 'head', 'jn', 'inn', 'ic', 'st',
    'crashes', 'mark', 'snap', 'cur', 'pr', 'term')
  local mark = m[4] .. '.' .. m[5]
  local crashes = 0
  if m[1] ~= '' and m[10] == mark then crashes = m[9] + 1 end
  local fence = m[2] + 1
  redis.call('ZREM', ready, sid)
  redis.call('HSET', meta, 'own', own, 'fence', fence, 'lu', now + lease, 'crashes', crashes,
    'mark', mark)
  redis.call('ZADD', lease_key, now + lease, sid)
  return {fence, m[3], m[4], m[5], m[6], m[7], m[8], crashes, m[11] or '', m[12] or '',
    m[13], m[14] or ''}
end
