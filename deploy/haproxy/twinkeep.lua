-- Asks Twinkeep whether a request may pass (`http-request lua.twinkeep`). HAProxy has no such question of its own, but an
-- HTTP client in Lua. Whatever goes wrong refuses: the request is let in by one line alone.

local TIMEOUT_MS = 12000 -- longer than `timeout server` of the way there, which is the one that ends it
local QUESTION = "abns@twinkeep-question" -- `bind` of that way

-- Of one hop, or written here.
local NOT_SENT = {
    ["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true, ["te"] = true,
    ["keep-alive"] = true, ["proxy-connection"] = true, ["upgrade"] = true, ["host"] = true,
    ["x-original-method"] = true, ["x-original-uri"] = true, ["x-forwarded-method"] = true, ["x-forwarded-uri"] = true,
    ["x-forwarded-host"] = true, ["x-forwarded-proto"] = true, ["x-forwarded-for"] = true,
}

-- What the back end is told, in the place of anything that the client said.
local TOLD = { "twinkeep-assertion", "twinkeep-subject", "twinkeep-tenant", "twinkeep-roles" }

-- The strict headers. HAProxy's own answers have these; those of the back end have what Twinkeep says of the row.
local STRICT = {
    ["content-security-policy"] = "default-src 'none'; frame-ancestors 'none'",
    ["cross-origin-opener-policy"] = "same-origin",
    ["cross-origin-resource-policy"] = "same-origin",
    ["permissions-policy"] = "camera=(), geolocation=(), microphone=()",
    ["referrer-policy"] = "no-referrer",
    ["strict-transport-security"] = "max-age=31536000; includeSubDomains",
    ["x-content-type-options"] = "nosniff",
    ["x-frame-options"] = "DENY",
    ["cache-control"] = "no-store",
}

-- What of a refusal the client does not get to see: what is of one hop, and what is for us.
local OF_ONE_HOP = {
    ["connection"] = true, ["keep-alive"] = true, ["content-length"] = true, ["transfer-encoding"] = true,
    ["upgrade"] = true, ["trailer"] = true, ["date"] = true,
}

-- Lists of headers count from 0 in a transaction and in an answer.
local function first(headers, name)
    local values = headers ~= nil and headers[name] or nil
    if values == nil then return nil end
    return values[0] or values[1]
end

-- Notes a header of the answer to come, under the name by which haproxy.cfg sets it.
local function note(txn, name, value)
    local variable = "txn." .. name:gsub("-", "_")
    if value == nil then txn:unset_var(variable) else txn:set_var(variable, value) end
end

-- Of an answer of Twinkeep, which has those of the row's profile.
local function note_all(txn, headers)
    for name in pairs(STRICT) do note(txn, name, first(headers, name)) end
    for _, name in ipairs({ "ratelimit", "ratelimit-policy", "x-request-id" }) do note(txn, name, first(headers, name)) end
end

local function refuse(txn, status, headers, body)
    if headers ~= nil and first(headers, "x-request-id") ~= nil then note_all(txn, headers) end
    local reply = txn:reply{ status = status }
    for name, values in pairs(headers or {}) do
        if not OF_ONE_HOP[name] and name:sub(1, 9) ~= "twinkeep-" then
            for at = 0, #values do if values[at] ~= nil then reply:add_header(name, values[at]) end end
        end
    end
    reply:set_body(body or "")
    txn:done(reply)
end

local function question(txn)
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        if not NOT_SENT[name] then
            local list = {}
            for at = 0, #values do if values[at] ~= nil then list[#list + 1] = values[at] end end
            headers[name] = list
        end
    end
    local host = first(txn.http:req_get_headers(), "host")
    if host ~= nil then headers["x-forwarded-host"] = { host } end
    local upgrade = first(txn.http:req_get_headers(), "upgrade")
    if upgrade ~= nil then headers["x-original-upgrade"] = { upgrade } end
    headers["x-forwarded-method"] = { txn.f:method() }
    headers["x-forwarded-uri"] = { txn.f:pathq() }
    headers["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
    headers["x-forwarded-for"] = { txn.f:src() } -- behind another proxy: what that one says
    return headers
end

local function hand_on(txn, headers)
    for _, name in ipairs(TOLD) do
        txn.http:req_del_header(name)
        local value = first(headers, name)
        if value ~= nil then txn.http:req_set_header(name, value) end
    end
    if first(headers, "twinkeep-credential") ~= "pass" then
        txn.http:req_del_header("authorization")
        txn.http:req_del_header("x-api-key")
        txn.http:req_del_header("cookie")
        local cookie = first(headers, "twinkeep-cookie")
        if cookie ~= nil then txn.http:req_set_header("cookie", cookie) end
    end
    note_all(txn, headers)
    txn:set_var("txn.twinkeep", "admitted")
end

core.register_action("twinkeep", { "http-req" }, function(txn)
    txn:set_var("txn.twinkeep", "asked")
    for name, value in pairs(STRICT) do
        if name ~= "strict-transport-security" or txn.f:ssl_fc() == 1 then note(txn, name, value) end
    end
    local asked, answer = pcall(function()
        local url = "http://127.0.0.1/v1/forward-auth"
        return core.httpclient():get{ url = url, dst = QUESTION, headers = question(txn), timeout = TIMEOUT_MS }
    end)
    if not asked or answer == nil or answer.status == nil or answer.status == 0 then
        return refuse(txn, 503, nil, nil)
    end
    if answer.status == 200 and first(answer.headers, "twinkeep-credential") ~= nil then
        return hand_on(txn, answer.headers)
    end
    -- Whatever Twinkeep says has an id, but that it could not read the question; all else is HAProxy's own page.
    local own = first(answer.headers, "x-request-id") ~= nil and answer.status < 600 or answer.status < 500
    if answer.status >= 400 and own then return refuse(txn, answer.status, answer.headers, answer.body) end
    refuse(txn, 503, nil, nil)
end, 0)
