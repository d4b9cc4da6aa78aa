-- ARGV: dead letter, new id, tenant, job, lane, greatest depth of the class.
-- Returns a word (`ok`, `unknown`, `full`, `lanes`), and for the latter two the number that there are and ms after
-- which to try again.
local letter, id, tenant, json, lane, max_depth = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
if redis.call('EXISTS', JOB .. id) == 1 then
  return { 'ok', 0, 0 }
elseif #redis.call('XRANGE', DEAD, letter, letter) == 0 then
  return { 'unknown', 0, 0 }
end
local depth = number(numbers, 'queued:' .. class_of(tenant))
if max_depth > 0 and depth >= max_depth then
  return { 'full', depth, until_room(class_of(tenant), lane) }
end
if not have_room(class_of(tenant), { [lane] = true }) then
  flush()
  return { 'lanes', number(numbers, 'known_lanes'), until_room(class_of(tenant), lane) }
end
account(tenant, lane)
accept({ id = id, tenant = tenant, lane = lane }, json)
redis.call('XDEL', DEAD, letter)
flush()
return { 'ok', 0, 0 }
