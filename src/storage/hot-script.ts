/**
 * Counts takes in Redis, all of them or none, or gives one back. It is hot-window.ts in Lua, as one reads there.
 *
 * KEYS: the cells. ARGV: `take` or `back`, then count and window of each cell. A cell is a string: its window, its head
 * and its total, then the runs from the oldest to the newest. It returns four numbers for each cell: whether it was
 * allowed, how many remain, the wait, and the time until it is free.
 *
 * @param now a Lua expression for the time in epoch ms
 */
export const windowScript = (now: string): string => `
local now = ${now}
local HEADER, RUN = 20, 33554432
local cells, answer, allowed = {}, {}, true

local function slot_of(head, run) return head - (head - math.floor(run / RUN)) % 128 end
local function end_of(slot, window) return math.ceil((slot + 61) * window / 60) end
local function run_at(cell, at) return struct.unpack('<I4', cell.runs, at) end
local function newest(cell) return run_at(cell, #cell.runs - 3) end
local function packed(slot, count) return struct.pack('<I4', slot % 128 * RUN + count) end

-- Moves each run to another slot; those that meet there become one.
local function move(cell, window, head, moved)
  local total, runs, last, count = 0, {}, nil, 0
  for at = 1, #cell.runs, 4 do
    local run = run_at(cell, at)
    local slot = moved(slot_of(cell.head, run))
    if slot >= head - 61 then
      if last and last ~= slot then
        runs[#runs + 1] = packed(last, count)
        count = 0
      end
      last, count = slot, count + run % RUN
      total = total + run % RUN
    end
  end
  if last then runs[#runs + 1] = packed(last, count) end
  cell.window, cell.head, cell.total, cell.runs = window, last or head, total, table.concat(runs)
  cell.changed = true
end

local function settle(cell, window)
  local slot = math.floor(now * 60 / window)
  if cell.window ~= window then
    settle(cell, cell.window)
    local was = cell.window
    move(cell, window, slot, function(old) return math.min(slot, math.floor((old + 1) * was / window)) end)
  end
  if cell.head > slot + 1 then
    local back = cell.head - slot - 1
    move(cell, window, slot + 1, function(old) return math.max(0, old - back) end)
  end
  local from = 1
  while from <= #cell.runs do
    local run = run_at(cell, from)
    if slot_of(cell.head, run) >= slot - 60 then break end
    cell.total = cell.total - run % RUN
    from = from + 4
  end
  if from > 1 then cell.runs, cell.changed = string.sub(cell.runs, from), true end
  if cell.runs == '' then cell.head, cell.total = slot, 0 end
  return slot
end

local function load(key, window)
  local cell = cells[key]
  if not cell then
    local text = redis.call('get', key)
    cell = { window = window, head = 0, total = 0, runs = '' }
    if text then
      cell.window, cell.head, cell.total = struct.unpack('<ddI4', text)
      cell.runs = string.sub(text, HEADER + 1)
    end
    cells[key] = cell
  end
  return cell, settle(cell, window)
end

local function refusal(cell, surplus)
  local at = 1
  while at < #cell.runs - 3 do
    surplus = surplus - run_at(cell, at) % RUN
    if surplus <= 0 then break end
    at = at + 4
  end
  return end_of(slot_of(cell.head, run_at(cell, at)), cell.window) - now
end

local function take(cell, slot, count)
  if cell.total >= count then
    allowed = false
    local free = end_of(slot_of(cell.head, newest(cell)), cell.window) - now
    return 0, 0, refusal(cell, cell.total - count + 1), free
  end
  cell.head = math.max(cell.head, slot)
  local last = cell.runs ~= '' and newest(cell)
  if last and slot_of(cell.head, last) == cell.head then
    cell.runs = string.sub(cell.runs, 1, -5) .. struct.pack('<I4', last + 1)
  else
    cell.runs = cell.runs .. packed(cell.head, 1)
  end
  cell.total = cell.total + 1
  return 1, count - cell.total, 0, end_of(cell.head, cell.window) - now
end

local function give_back(cell)
  if cell.runs == '' then return end
  local last = newest(cell)
  cell.runs = string.sub(cell.runs, 1, -5)
  if last % RUN > 1 then cell.runs = cell.runs .. struct.pack('<I4', last - 1)
  elseif cell.runs ~= '' then cell.head = slot_of(cell.head, newest(cell)) end
  cell.total = cell.total - 1
end

local function limit_of(nth) return tonumber(ARGV[nth * 2]), tonumber(ARGV[nth * 2 + 1]) end

for nth, key in ipairs(KEYS) do
  local count, window = limit_of(nth)
  local cell, slot = load(key, window)
  if ARGV[1] == 'back' then give_back(cell)
  else
    local at = #answer
    answer[at + 1], answer[at + 2], answer[at + 3], answer[at + 4] = take(cell, slot, count)
  end
end
if not allowed then
  for nth, key in ipairs(KEYS) do
    local _, window = limit_of(nth)
    if answer[nth * 4 - 3] == 1 then
      settle(cells[key], window)
      give_back(cells[key])
    end
  end
end
for key, cell in pairs(cells) do
  -- Most refusals write nothing. After the clock was set back they must, for the wait begins where that is found.
  if allowed or cell.changed then
    if cell.runs == '' then redis.call('del', key)
    else
      local left = end_of(slot_of(cell.head, newest(cell)), cell.window) - now
      local header = struct.pack('<ddI4', cell.window, cell.head, cell.total)
      redis.call('set', key, header .. cell.runs, 'px', math.max(1, left))
    end
  end
end
return answer
`;

/** Time is that of Redis, so that the clocks of the processes need not agree. */
export const REDIS_NOW = `(function()
  local time = redis.call('time')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end)()`;
