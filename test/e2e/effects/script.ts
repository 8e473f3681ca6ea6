/**
 * What a container tells of what it was given: sections, each a line `[name]` and then its lines. After them it waits to be
 * killed. A few processes are all that it takes, since it is run some hundred times.
 */
export const EFFECT_SCRIPT = String.raw`
exec 2>&1
self=/proc/$$
echo "[id]"; id; pwd; umask
echo "[terminal]"; tty; stty size 2>&1
echo "[env]"; env
echo "[status]"
grep -E '^(Uid|Gid|Groups|NoNewPrivs|Seccomp|Cap[A-Z][a-z]*|Sig(Blk|Ign|Cgt)|Cpus_allowed_list|Mems_allowed_list):' $self/status
echo "[process]"; grep . $self/oom_score_adj $self/uid_map $self/gid_map
echo "[rlimits]"; cat $self/limits
echo "[mounts]"; cat $self/mountinfo
echo "[cgroup]"; cat $self/cgroup
echo "[limits]"
cd /sys/fs/cgroup && grep -s . memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes \
  memory/memory.memsw.limit_in_bytes memory/memory.swappiness memory/memory.oom_control cpu/cpu.shares \
  cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.rt_runtime_us pids/pids.max cpuset/cpuset.cpus cpuset/cpuset.mems \
  blkio/blkio.throttle.*_device devices/devices.list
echo "[sysctl]"
cd /proc/sys && grep -s . kernel/hostname kernel/domainname kernel/msgmax kernel/shmmni net/core/somaxconn \
  net/ipv4/ip_forward net/ipv4/ip_unprivileged_port_start
echo "[files]"; cd / && grep -s . etc/hosts etc/hostname etc/resolv.conf
echo "[devices]"; stat -c '%n %F %a %u:%g %t:%T' /dev/* /dev/shm
echo "[x]"; ls -ld /x /data 2>&1 | cut -d' ' -f1; ls /x 2>&1 | head -n 5
echo "[network]"; ls /sys/class/net; ip -o addr 2>&1; ip route 2>&1
echo "[namespaces]"; for ns in cgroup ipc mnt net pid user uts; do echo "$ns $(readlink $self/ns/$ns)"; done
echo "[end]"
exec /bin/sleep 100000
`;

/** The line after which the script has told everything. */
export const LAST_LINE = /^\[end\]\r?$/m;
