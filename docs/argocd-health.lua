-- Health of a VitteBot for Argo CD. Put it into the ConfigMap argocd-cm, under the key
-- resource.customizations.health.vitte.dev_VitteBot.
local function condition(kind)
  for _, found in ipairs((obj.status or {}).conditions or {}) do
    if found.type == kind then
      return found.status, found.message or ""
    end
  end
  return "Unknown", ""
end

local function health(status, message)
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "The bot is being removed")
end
-- What the status says of an older spec says nothing of this one.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "Waiting for the operator to look at the spec")
end

local message = obj.status.message or ""
if obj.spec.paused or obj.spec.hibernated then
  return health("Suspended", message)
end
local stalled, why = condition("Stalled")
if stalled == "True" then
  return health("Degraded", why)
end
local reconciling, what = condition("Reconciling")
if reconciling == "True" then
  return health("Progressing", what)
end
local ready, told = condition("Ready")
if ready == "True" then
  return health("Healthy", told)
end
return health("Degraded", told)
