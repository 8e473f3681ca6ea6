/**
 * What a container tells of its world: a shell script that prints sections, each a line `[name]` and then its lines.
 * Busybox runs it, as PID 1 or by exec.
 */
export const PROBE_SCRIPT = String.raw`
self=/proc/$$
section() { echo "[$1]"; }

section id; id; umask; pwd
section env; env | sort
section status
grep -E '^(Uid|Gid|Groups|NoNewPrivs|Seccomp|Seccomp_filters|Cap[A-Z][a-z]*|Sig(Blk|Ign|Cgt)|PPid|NSpid):' $self/status
section process
for file in oom_score_adj personality timerslack_ns loginuid coredump_filter; do
  echo "$file $(cat $self/$file 2>&1)"
done
echo "nice $(cut -d' ' -f19 $self/stat)"
echo "uid_map $(cat $self/uid_map)"
echo "gid_map $(cat $self/gid_map)"
echo "setgroups $(cat $self/setgroups)"
section limits; cat $self/limits
section fds
for fd in $self/fd/*; do [ -L "$fd" ] && echo "$(echo "$fd" | sed "s,.*/,,") $(readlink "$fd")"; done
section terminal; tty; stty size 2>&1
section namespaces
for ns in cgroup ipc mnt net pid user uts; do echo "$ns $(readlink $self/ns/$ns)"; done
section mounts; cat $self/mountinfo
section cgroup; cat $self/cgroup
section limits-of-cgroups
for file in memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes memory/memory.memsw.limit_in_bytes \
  memory/memory.swappiness cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us pids/pids.max \
  cpuset/cpuset.cpus cpuset/cpuset.mems; do
  [ -e /sys/fs/cgroup/$file ] && echo "$file $(cat /sys/fs/cgroup/$file)"
done
sed 's/^/devices /' /sys/fs/cgroup/devices/devices.list 2>/dev/null
section sysctl
for name in net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range net/ipv6/conf/all/disable_ipv6 \
  net/ipv6/conf/default/disable_ipv6 net/ipv6/conf/lo/disable_ipv6 net/ipv6/conf/eth0/disable_ipv6 net/core/somaxconn \
  kernel/hostname kernel/domainname kernel/shm_rmid_forced kernel/msgmax kernel/sem kernel/shmmni fs/mqueue/msg_max; do
  [ -e /proc/sys/$name ] && echo "$name $(cat /proc/sys/$name)"
done
section devices
find /dev -xdev 2>/dev/null | sort | while read -r path; do
  if [ -L "$path" ]; then echo "$path -> $(readlink "$path")"
  else stat -c '%n %F %a %u:%g %t:%T' "$path"; fi
done
section root
for path in / /* /.dockerenv /etc/hosts /etc/hostname /etc/resolv.conf /etc/mtab /dev/shm /dev/mqueue /sys/fs/cgroup; do
  if [ -L "$path" ]; then echo "$path -> $(readlink "$path")"
  elif [ -e "$path" ]; then stat -c '%n %F %a %u:%g' "$path"; fi
done
section hosts; cat /etc/hosts
section hostname; cat /etc/hostname; hostname
section resolv.conf; cat /etc/resolv.conf
section network; ls /sys/class/net
section masked
for path in asound acpi interrupts kcore keys latency_stats timer_list timer_stats sched_debug scsi; do
  path=/proc/$path
  if [ -d $path ]; then echo "$path $(ls -A $path | wc -l) entries"
  elif [ -e $path ]; then echo "$path $(head -c 16 $path 2>/dev/null | wc -c) bytes"; fi
done
for path in /sys/firmware /sys/devices/virtual/powercap; do
  [ -d $path ] && echo "$path $([ "$(ls -A $path 2>/dev/null | wc -l)" = 0 ] && echo empty || echo filled)"
done
section writable
for path in / /etc /etc/hosts /etc/hostname /etc/resolv.conf /dev /dev/shm /dev/mqueue /sys /sys/fs/cgroup/pids /proc/sys/kernel/domainname \
  /proc/sysrq-trigger /proc/bus /proc/irq /proc/fs /tmp /data /scratch; do
  [ -e $path ] || continue
  if [ -d $path ]; then (: > $path/probe-file) 2>/dev/null; result=$?; rm -f $path/probe-file
  else (: >> $path) 2>/dev/null; result=$?; fi
  echo "$path $([ $result = 0 ] && echo yes || echo no)"
done
section end
`;
