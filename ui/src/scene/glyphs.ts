/**
 * Glyphs inside nodes: they say the role of what runs there, guessed from its names.
 * Path data in a box of 16, stroked 1.3, content from 2 to 14.
 */

export type GlyphName =
  | 'globe'
  | 'database'
  | 'bolt'
  | 'gear'
  | 'clock'
  | 'lock'
  | 'chart'
  | 'mail'
  | 'code'
  | 'terminal'
  | 'branch'
  | 'box'
  | 'list'
  | 'book'
  | 'queue'
  | 'disk'
  | 'server'
  | 'window'
  | 'sound'
  | 'network'
  | 'chip';

export const GLYPHS: Readonly<Record<GlyphName, string>> = {
  globe: 'M8 2.4A5.6 5.6 0 1 0 8 13.6A5.6 5.6 0 1 0 8 2.4ZM2.4 8H13.6M8 2.4C5.2 5.4 5.2 10.6 8 13.6C10.8 10.6 10.8 5.4 8 2.4Z',
  database: 'M3.2 4.4C3.2 3.2 5.3 2.4 8 2.4S12.8 3.2 12.8 4.4S10.7 6.4 8 6.4S3.2 5.6 3.2 4.4ZM3.2 4.4V11.6C3.2 12.8 5.3 13.6 8 13.6S12.8 12.8 12.8 11.6V4.4M3.2 8C3.2 9.2 5.3 10 8 10S12.8 9.2 12.8 8',
  bolt: 'M9.2 2.2L3.8 9H7.4L6.8 13.8L12.2 7H8.6Z',
  gear: 'M8 5.6A2.4 2.4 0 1 0 8 10.4A2.4 2.4 0 1 0 8 5.6ZM8 2V3.7M8 12.3V14M2 8H3.7M12.3 8H14M3.8 3.8L5 5M11 11L12.2 12.2M12.2 3.8L11 5M5 11L3.8 12.2',
  clock: 'M8 2.4A5.6 5.6 0 1 0 8 13.6A5.6 5.6 0 1 0 8 2.4ZM8 4.9V8L10.2 9.6',
  lock: 'M4.6 7.2H11.4A1 1 0 0 1 12.4 8.2V12.4A1 1 0 0 1 11.4 13.4H4.6A1 1 0 0 1 3.6 12.4V8.2A1 1 0 0 1 4.6 7.2ZM5.6 7.2V5A2.4 2.4 0 0 1 10.4 5V7.2',
  chart: 'M2.6 13.4H13.4M4.4 10.8V8.4M8 10.8V3.4M11.6 10.8V6',
  mail: 'M3.4 3.6H12.6A1 1 0 0 1 13.6 4.6V11.4A1 1 0 0 1 12.6 12.4H3.4A1 1 0 0 1 2.4 11.4V4.6A1 1 0 0 1 3.4 3.6ZM2.6 4.4L8 8.6L13.4 4.4',
  code: 'M5.4 4.4L2 8L5.4 11.6M10.6 4.4L14 8L10.6 11.6',
  terminal: 'M2.8 4.2L6.4 7.6L2.8 11M8 12H13.4',
  branch: 'M3 13C8 13 5.4 4.6 10.4 4.6H13.2M11 2.2L13.4 4.6L11 7',
  box: 'M8 2L13.4 5V11L8 14L2.6 11V5ZM2.6 5L8 8L13.4 5M8 8V14',
  list: 'M2.8 3.6H13.2M2.8 6.6H10M2.8 9.6H13.2M2.8 12.6H8',
  book: 'M2.4 3.4H7A1 1 0 0 1 8 4.4A1 1 0 0 1 9 3.4H13.6V12.2H9A1 1 0 0 0 8 13A1 1 0 0 0 7 12.2H2.4ZM8 4.4V13',
  queue: 'M2.6 4.2H6.2V11.8H2.6ZM6.2 4.2H9.8V11.8H6.2ZM9.8 4.2H13.4V11.8H9.8Z',
  disk: 'M4.6 3H11.4L13.6 9V12A1 1 0 0 1 12.6 13H3.4A1 1 0 0 1 2.4 12V9ZM2.4 9H13.6M11.2 11H11.3',
  server: 'M3.4 2.8H12.6A1 1 0 0 1 13.6 3.8V7H2.4V3.8A1 1 0 0 1 3.4 2.8ZM2.4 9H13.6V12.2A1 1 0 0 1 12.6 13.2H3.4A1 1 0 0 1 2.4 12.2ZM5 5H5.1M5 11.1H5.1',
  window: 'M3.4 3H12.6A1 1 0 0 1 13.6 4V12A1 1 0 0 1 12.6 13H3.4A1 1 0 0 1 2.4 12V4A1 1 0 0 1 3.4 3ZM2.4 6H13.6',
  sound: 'M2.6 6.4H4.8L8 3.6V12.4L4.8 9.6H2.6ZM10.4 6A3 3 0 0 1 10.4 10M12 4.2A5.4 5.4 0 0 1 12 11.8',
  network: 'M8 2.4A1.8 1.8 0 1 0 8 6A1.8 1.8 0 1 0 8 2.4ZM4 10A1.8 1.8 0 1 0 4 13.6A1.8 1.8 0 1 0 4 10ZM12 10A1.8 1.8 0 1 0 12 13.6A1.8 1.8 0 1 0 12 10ZM7.2 5.8L4.8 10.2M8.8 5.8L11.2 10.2',
  chip: 'M4.6 4.6H11.4V11.4H4.6ZM6.4 2.4V4.6M9.6 2.4V4.6M6.4 11.4V13.6M9.6 11.4V13.6M2.4 6.4H4.6M2.4 9.6H4.6M11.4 6.4H13.6M11.4 9.6H13.6',
};

/** The first rule that fits decides; the narrow ones come first. */
const RULES: ReadonlyArray<readonly [RegExp, GlyphName]> = [
  [/redis|memcached|valkey|keydb|dragonfly|hazelcast|varnish/, 'bolt'],
  [/postgres|psql|mysql|mariadb|mongo|sqlite|cassandra|scylla|clickhouse|cockroach|etcd|influx|timescale|neo4j|couch|oracle|mssql|pg-|pgbouncer|\bdb\b|[-_]db\b|database|ldap|slapd|consul/, 'database'],
  [/prometheus|grafana|exporter|telegraf|collectd|datadog|netdata|metrics|cadvisor|zabbix|nagios|statsd|otel|jaeger|tempo|scope|orrery/, 'chart'],
  [/journald|rsyslog|syslog|fluent|logstash|loki|promtail|filebeat|vector\b|kibana|logrotate|\blogs?\b/, 'list'],
  [/kafka|rabbitmq|nats|mosquitto|mqtt|zookeeper|pulsar|activemq|celery|sidekiq|queue|broker/, 'queue'],
  [/postfix|dovecot|exim|sendmail|mailpit|mailhog|smtp|imap|\bmail/, 'mail'],
  [/cron|systemd-timesyncd|chronyd|ntpd|restic|borg|backup|timer|anacron|\batd\b|scheduler/, 'clock'],
  [/nginx|caddy|haproxy|traefik|envoy|proxy|kindnet|tailscale|wireguard|\bwg\b|openvpn|ingress|gateway|linkerd|istio|squid|router|[-_]lb\b|shop-web|apache|httpd/, 'branch'],
  [/sshd|\bssh|gpg|vault|keycloak|auth|polkit|secret|cert|kube-apiserver|payment|firewall|apparmor|sssd/, 'lock'],
  [/dockerd|docker-proxy|containerd|podman|conmon|runc|crio|cri-o|kubelet|minio|registry|buildkit|snapd|flatpak|\bs3\b/, 'box'],
  [/firefox|chrom|safari|\bedge\b|brave|browser|dns|named|bind9|unbound|dnsmasq|resolved|web-content|avahi|internet/, 'globe'],
  [/catalog|\bwiki|docs?\b|confluence|outline|jellyfin-meta|library|search|elastic|opensearch|solr|meili/, 'book'],
  [/kitty|bash|\bzsh|\bfish\b|\bsh\b|tmux|screen|gnome-terminal|xterm|alacritty|foot\b|login|getty/, 'terminal'],
  [/networkmanager|networkd|dhc|wpa_supplicant|calico|flannel|cilium|weave|kube-proxy|ifplug|modem/, 'network'],
  [/pulseaudio|pipewire|wireplumber|alsa|mpd\b|spotify|speech/, 'sound'],
  [/xorg|xwayland|wayland|gnome-shell|kwin|plasma|mutter|sway\b|gdm|sddm|lightdm|xfce|nautilus|thunar|weston|compositor|window/, 'window'],
  [/udisks|smartd|multipath|lvm|mdadm|nfs|smbd|samba|ceph|gluster|udev|fuse|gvfs|mount|volume|storage/, 'disk'],
  [/^\[|kworker|kthread|ksoftirq|irqbalance|thermald|upower|acpid|fwupd/, 'chip'],
  [/shop-api|\bapi\b|[-_]api|\bcode\b|vscode|node\b|python|java|ruby|rails|php|dotnet|perl|gunicorn|uvicorn|deno|\bbun\b|idea|vim|emacs|\bgo\b|cargo|gcc|clang|backend|frontend|app\b|server\b/, 'code'],
  [/worker|rust-analyzer|homeassist|hass|systemd|init\b|dbus|daemon|agent|operator|controller|manager|service/, 'gear'],
];

/** Glyph of the role that the names suggest; the neutral one of the kind when they suggest none. */
export function guessGlyph(names: readonly string[], kind: string, pseudo = false): GlyphName {
  if (pseudo) return /uncontained|unmanaged/i.test(names[0] ?? '') ? 'gear' : 'globe';
  // Names before images before the rest: the first name that fits any rule decides.
  for (const name of names) {
    const text = name.toLowerCase();
    if (text === '') continue;
    for (const [pattern, glyph] of RULES) if (pattern.test(text)) return glyph;
  }
  if (kind.includes('host')) return 'server';
  if (kind.includes('volume') || kind.includes('storage')) return 'disk';
  if (kind.includes('process')) return 'gear';
  return 'box';
}
