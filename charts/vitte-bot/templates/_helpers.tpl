{{/* Parts are named after the bot, with endings of up to 23 letters. */}}
{{- define "vitte-bot.name" -}}
{{- $name := default .Release.Name .Values.name }}
{{- if gt (len $name) 40 }}
{{- fail (printf "the bot's name is %q: at most 40 characters are allowed; --set name=... names it otherwise than the release" $name) }}
{{- end }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}
{{- fail (printf "the bot's name is %q: lower-case letters, digits and \"-\" are allowed, a letter first, since its Services are named after it; --set name=... names it otherwise than the release" $name) }}
{{- end }}
{{- $name }}
{{- end }}

{{- define "vitte-bot.labels" -}}
{{- $own := dict
      "app.kubernetes.io/instance" (include "vitte-bot.name" .)
      "app.kubernetes.io/part-of" "vitte"
      "app.kubernetes.io/managed-by" .Release.Service
      "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") }}
{{- include "vitte-bot.merged" (list $own .Values.commonLabels) }}
{{- end }}

{{/* Mappings as one, a later one over an earlier: a key that stood twice would be no YAML. */}}
{{- define "vitte-bot.merged" -}}
{{- $merged := dict }}
{{- range . }}
{{- $merged = mergeOverwrite $merged (deepCopy .) }}
{{- end }}
{{- toYaml $merged }}
{{- end }}

{{- define "vitte-bot.secret" -}}
{{- default (include "vitte-bot.name" .) .Values.secret.name }}
{{- end }}

{{- define "vitte-bot.version" -}}
{{- default (default .Chart.AppVersion .Values.version) .Values.spec.version }}
{{- end }}

{{/* Whom the simulator's Service and the bot's policies mean. */}}
{{- define "vitte-bot.simulatorSelector" -}}
app.kubernetes.io/name: vitte-sim
app.kubernetes.io/instance: {{ include "vitte-bot.name" . }}
{{- end }}

{{/* With its namespace: the operator asks it too, from its own. */}}
{{- define "vitte-bot.simulatorUrl" -}}
http://{{ include "vitte-bot.name" . }}-sim.{{ .Release.Namespace }}.svc:8081
{{- end }}

{{/* The personas' files. A simulated bot that is told nothing has one of the chart's own, so that there is somebody. */}}
{{- define "vitte-bot.personas" -}}
{{- if .Values.personas }}
{{- toYaml .Values.personas }}
{{- else if and .Values.simulator.enabled (not .Values.spec.modules) }}
{{- toYaml (dict "luna.yaml" (.Files.Get "files/luna.yaml")) }}
{{- end }}
{{- end }}

{{/* The spec that the values make, before `spec` is laid over it. */}}
{{- define "vitte-bot.madeSpec" -}}
{{- $said := .Values.spec }}
version: {{ include "vitte-bot.version" . | quote }}
image:
  {{- toYaml (omit .Values.image "pullSecrets") | nindent 2 }}
  {{- with .Values.image.pullSecrets }}
  pullSecrets:
    {{- range . }}
    - {name: {{ . }}}
    {{- end }}
  {{- end }}
telegram:
  tokenSecretRef: {name: {{ include "vitte-bot.secret" . }}, key: token}
  {{- if .Values.simulator.enabled }}
  apiUrl: {{ include "vitte-bot.simulatorUrl" . }}
  {{- if and (ne (dig "telegram" "updates" "Webhook" $said) "Polling") (not (dig "telegram" "webhook" nil $said)) }}
  webhook: {url: "http://{{ include "vitte-bot.name" . }}-bot.{{ .Release.Namespace }}.svc/telegram/webhook"}
  {{- end }}
  {{- end }}
{{- if .Values.postgresql.enabled }}
database:
  embedded: {{- include "vitte-bot.without" (omit .Values.postgresql "enabled") | nindent 4 }}
{{- end }}
{{- if .Values.redis.enabled }}
redis:
  embedded: {{- include "vitte-bot.without" (omit .Values.redis "enabled") | nindent 4 }}
{{- end }}
{{- $personas := include "vitte-bot.personas" . }}
{{- $companion := or $personas (dig "modules" "companion" nil $said) }}
{{- if $companion }}
modules:
  companion:
    {{- if $personas }}
    personasConfigMapRef: {name: {{ include "vitte-bot.name" . }}-personas}
    {{- end }}
    {{- if .Values.simulator.enabled }}
    llm: {baseUrl: "{{ include "vitte-bot.simulatorUrl" . }}/sim/llm/v1", model: simulated}
    {{- else if $personas }}
    llm: {}
    {{- end }}
{{- end }}
{{- if .Values.simulator.enabled }}
networkPolicy:
  egressTo:
    {{- with dig "networkPolicy" "egressTo" nil $said }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    - {podLabels: {{ include "vitte-bot.simulatorSelector" . | fromYaml | toJson }}, ports: [8081]}
  ingressFrom:
    {{- with dig "networkPolicy" "ingressFrom" nil $said }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    - {podLabels: {{ include "vitte-bot.simulatorSelector" . | fromYaml | toJson }}}
{{- end }}
{{- end }}

{{/* A mapping without its empty texts: they mean the operator's choice. */}}
{{- define "vitte-bot.without" -}}
{{- $left := dict }}
{{- range $key, $value := . }}
{{- if ne (toString $value) "" }}
{{- $_ := set $left $key $value }}
{{- end }}
{{- end }}
{{- toYaml $left }}
{{- end }}

{{/* What Helm would send and the API server refuse, found by whoever mixes a value of the chart with a field of the spec. */}}
{{- define "vitte-bot.contradictions" -}}
{{- range list "database" "redis" }}
{{- $sources := list }}
{{- range $source, $said := get $ . | default dict }}
{{- if and (has $source (list "urlSecretRef" "embedded" "cluster")) (not (kindIs "invalid" $said)) }}
{{- $sources = append $sources $source }}
{{- end }}
{{- end }}
{{- if gt (len $sources) 1 }}
{{- $hint := has "embedded" $sources | ternary (printf "; %s.enabled=true says embedded" (eq . "redis" | ternary "redis" "postgresql")) "" }}
{{- fail (printf "spec.%s has %s, and one is allowed%s" . (join " and " $sources) $hint) }}
{{- end }}
{{- end }}
{{- range $name, $component := default dict .components }}
{{- if and (hasKey $component "replicas") (not (kindIs "invalid" $component.replicas)) (get $component "autoscaling") }}
{{- fail (printf "spec.components.%s has replicas and autoscaling, and one is allowed" $name) }}
{{- end }}
{{- end }}
{{- if dig "telegram" "webhook" "url" nil . }}
{{- range list "host" "gatewayRef" "ingressClassName" "tlsSecretName" "annotations" }}
{{- if dig "telegram" "webhook" . nil $ }}
{{- fail (printf "spec.telegram.webhook has url and %s, and url is the whole address: leave one of the two out" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The whole spec. Lists of the two kinds that both sides have were joined above. */}}
{{- define "vitte-bot.spec" -}}
{{- $made := include "vitte-bot.madeSpec" . | fromYaml }}
{{- if hasKey $made "Error" }}
{{- fail $made.Error }}
{{- end }}
{{- $said := deepCopy .Values.spec }}
{{- if and .Values.simulator.enabled $said.networkPolicy }}
{{- $_ := set $said "networkPolicy" (omit $said.networkPolicy "egressTo" "ingressFrom") }}
{{- end }}
{{- $spec := mergeOverwrite $made $said }}
{{- include "vitte-bot.contradictions" $spec }}
{{- if not $spec.database }}
{{- fail "the bot has no database: spec.database.urlSecretRef names the Secret with the address of yours, spec.database.cluster a CloudNativePG cluster; postgresql.enabled=true runs one for trying out" }}
{{- end }}
{{- if not $spec.modules }}
{{- fail "the bot can do nothing: spec.modules enables companion or habits; personas alone enable companion" }}
{{- end }}
{{- if and (ne (dig "telegram" "updates" "Webhook" $spec) "Polling") (not (dig "telegram" "webhook" nil $spec)) }}
{{- fail "nobody knows where Telegram should deliver: spec.telegram.webhook.host is the bot's public name, or spec.telegram.updates=Polling asks Telegram instead" }}
{{- end }}
{{- toYaml $spec }}
{{- end }}
