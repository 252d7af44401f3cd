"""What a Redis does in one step for `redis.py`: its scripts. Each is atomic; none knows a rule.

A row is "EXPIRES VALUE" at llmux:KIND:NAME, where KIND is counter or note. Its name stands in the index llmux:KINDs, by
the alphabet, so that what begins alike is found without a walk through the whole place; and in llmux:ends, by when
Redis forgets the row. Whoever keeps a row drops from both some of what has been forgotten, and both are kept for no
longer than what they name.

Reference: https://redis.io/docs/latest/develop/programmability/lua-api/ and, for the order of an index,
https://redis.io/docs/latest/commands/zrangebylex/
"""

# Each row that is kept frees the indexes of up to ten that have been forgotten: faster than they can be added.
_PARTS = """
local function place(kind, name) return 'llmux:' .. kind .. ':' .. name end
local function index(kind) return 'llmux:' .. kind .. 's' end

local function drop(kind, name)
  redis.call('DEL', place(kind, name))
  redis.call('ZREM', index(kind), name)
  redis.call('ZREM', 'llmux:ends', kind .. ':' .. name)
end

local function keep(kind, name, row, life)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('SET', place(kind, name), row, 'PX', life)
  redis.call('ZADD', index(kind), 0, name)
  redis.call('ZADD', 'llmux:ends', now + life, kind .. ':' .. name)
  for _, set in ipairs({index(kind), 'llmux:ends'}) do
    if redis.call('PTTL', set) < tonumber(life) then redis.call('PEXPIRE', set, life) end
  end
  for _, ended in ipairs(redis.call('ZRANGEBYSCORE', 'llmux:ends', '-inf', now, 'LIMIT', 0, 10)) do
    drop(string.match(ended, '^(%a+):(.*)$'))
  end
end

-- UTF-8 has no byte 255: it ends the range of what begins with the prefix.
local function names(kind, prefix)
  return redis.call('ZRANGEBYLEX', index(kind), '[' .. prefix, '(' .. prefix .. '\\255')
end
"""

# The caller's time; then of each counter its name, what is added, its expiry, and for how many ms a new one is kept.
# Values come back as texts: a number would lose its fraction.
ADD = (
    _PARTS
    + """
local now, values = tonumber(ARGV[1]), {}
for i = 2, #ARGV, 4 do
  local name, value = ARGV[i], ARGV[i + 1]
  local ends, held = string.match(redis.call('GET', place('counter', name)) or '', '^(%S+) (.*)$')
  if ends and tonumber(ends) > now then
    local sum = string.format('%.17g', tonumber(held) + tonumber(value))
    if sum ~= held then redis.call('SET', place('counter', name), ends .. ' ' .. sum, 'KEEPTTL') end
    value = sum
  else
    keep('counter', name, ARGV[i + 2] .. ' ' .. value, ARGV[i + 3])
  end
  values[#values + 1] = value
end
return values
"""
)

# A name, a row, and for how many ms it is kept.
PUT = _PARTS + "keep('note', ARGV[1], ARGV[2], ARGV[3])"

# A kind and a prefix -> names and, in the same order, rows; nothing in place of one that has just been forgotten.
LIST = (
    _PARTS
    + """
local found, rows = names(ARGV[1], ARGV[2]), {}
for i, name in ipairs(found) do rows[i] = redis.call('GET', place(ARGV[1], name)) end
return {found, rows}
"""
)

# A prefix, and the bytes that its notes may hold. The longest expiry has 24 characters.
TRIM = (
    _PARTS
    + """
local notes, held = {}, 0
for _, name in ipairs(names('note', ARGV[1])) do
  local ends = string.match(redis.call('GETRANGE', place('note', name), 0, 31), '^(%S+) ')
  if ends then
    local size = redis.call('STRLEN', place('note', name)) - #ends - 1
    notes[#notes + 1] = {name = name, size = size, ends = tonumber(ends)}
  end
end
table.sort(notes, function(a, b) return a.ends > b.ends or (a.ends == b.ends and a.name < b.name) end)
for _, note in ipairs(notes) do
  held = held + note.size
  if held > tonumber(ARGV[2]) then drop('note', note.name) end
end
"""
)

# Names, of counters and notes.
REMOVE = _PARTS + "for _, name in ipairs(ARGV) do drop('counter', name) drop('note', name) end"
