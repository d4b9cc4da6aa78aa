-- ARGV: dead letter, new id, tenant, job, time of submission, greatest depth of the class.
-- Returns a word (`ok`, `unknown`, `full`), and for `full` the depth and ms after which to try again.
local letter, id, tenant, job, submitted, max_depth = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
if redis.call('EXISTS', JOB .. id) == 1 then
  return { 'ok', 0, 0 }
end
local found = redis.call('XRANGE', DEAD, letter, letter)
if #found == 0 then
  return { 'unknown', 0, 0 }
end
local depth = load('queued', class_of(tenant))
if max_depth > 0 and depth >= max_depth then
  return { 'full', depth, until_room(class_of(tenant)) }
end
accept(id, tenant, job, submitted)
settle(tenant)
redis.call('XDEL', DEAD, letter)
return { 'ok', 0, 0 }
