import type { SeccompProfile, ProfileRule } from "./profile.ts";

/**
 * Docker's default profile: an allow-list that is wider for containers with more capabilities. Facts: moby/profiles,
 * seccomp/default.json of 2026-06; the table lists what exists on x86-64 and arm64.
 */

type Entry = Pick<ProfileRule, "args" | "includes" | "excludes"> & { names: string; errno?: number };

const COMMON_CALLS: Entry[] = [
  // Sockets
  {
    names: `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
      recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,
  },
  // Polling and event descriptors
  {
    names: `epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
      eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch _newselect poll
      ppoll ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4 timerfd_create timerfd_gettime
      timerfd_gettime64 timerfd_settime timerfd_settime64`,
  },
  // Asynchronous and vectored I/O
  {
    names: `copy_file_range io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit
      preadv preadv2 pwritev pwritev2 readv sendfile sendfile64 splice tee vmsplice writev`,
  },
  // Extended attributes
  {
    names: `fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr
      lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat`,
  },
  // Files by path
  {
    names: `access chdir chmod chown chown32 creat faccessat faccessat2 fchdir fchmod fchmodat fchmodat2 fchown fchown32
      fchownat fstatat64 futimesat getcwd lchown lchown32 link linkat listmount lstat lstat64 mkdir mkdirat mknod
      mknodat name_to_handle_at newfstatat open openat openat2 readlink readlinkat rename renameat renameat2 rmdir
      stat stat64 statfs statfs64 statmount statx symlink symlinkat truncate truncate64 umask unlink unlinkat
      utime utimensat utimensat_time64 utimes`,
  },
  // Open files
  {
    names: `close close_range dup dup2 dup3 fadvise64 fadvise64_64 fallocate fcntl fcntl64 fdatasync flock fstat fstat64
      fstatfs fstatfs64 fsync ftruncate ftruncate64 getdents getdents64 ioctl _llseek lseek pipe pipe2 pread64
      pwrite64 read readahead sync sync_file_range syncfs write`,
  },
  // Memory
  {
    names: `brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall
      mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect
      process_mrelease remap_file_pages`,
  },
  // Locks and IPC
  {
    names: `futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list ipc mq_getsetattr
      mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl
      msgget msgrcv msgsnd rseq semctl semget semop semtimedop semtimedop_time64 set_robust_list shmat shmctl
      shmdt shmget`,
  },
  // Signals
  {
    names: `alarm kill pause pidfd_open pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask
      rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
      sigaltstack sigprocmask sigreturn tgkill tkill`,
  },
  // Processes and threads
  {
    names: `execve execveat exit exit_group fork getcpu getpgid getpgrp getpid getppid getpriority getrlimit getrusage
      getsid get_thread_area gettid ioprio_get ioprio_set landlock_add_rule landlock_create_ruleset
      landlock_restrict_self prctl prlimit64 sched_getaffinity sched_getattr sched_getparam sched_get_priority_max
      sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
      sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp setpgid setpriority
      setrlimit setsid set_thread_area set_tid_address ugetrlimit uretprobe vfork wait4 waitid waitpid`,
  },
  // Users and groups
  {
    names: `capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid
      getresgid32 getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
      setgroups setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32
      setuid setuid32`,
  },
  // Time
  {
    names: `adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
      clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create
      timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 times`,
  },
  // The system
  {
    names: `getrandom sysinfo uname`,
  },
];

const ANY_NAMESPACE = 0x7e020000; // CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
const PER_LINUX32 = 0x8;
const UNAME26 = 0x20000;
const QUERY_PERSONALITY = 0xffffffff;
const AF_ALG = 38;
const AF_VSOCK = 40;

const equal = (index: number, value: number) => [{ index, value, op: "SCMP_CMP_EQ" }];

const CONDITIONAL_CALLS: Entry[] = [
  { names: "process_vm_readv process_vm_writev ptrace", includes: { minKernel: "4.8" } },
  // Every address family but AF_ALG, whose algorithms are attack surface, and AF_VSOCK, which reaches the host of a VM.
  { names: "socket", args: [{ index: 0, value: AF_ALG, op: "SCMP_CMP_LT" }] },
  { names: "socket", args: equal(0, AF_ALG + 1) },
  { names: "socket", args: [{ index: 0, value: AF_VSOCK, op: "SCMP_CMP_GT" }] },
  ...[0, PER_LINUX32, UNAME26, UNAME26 | PER_LINUX32, QUERY_PERSONALITY].map((persona) => ({
    names: "personality",
    args: equal(0, persona),
  })),
  {
    names: "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls",
    includes: { arches: ["arm", "arm64"] },
  },
  { names: "arch_prctl", includes: { arches: ["amd64", "x32"] } },
  { names: "modify_ldt", includes: { arches: ["amd64", "x32", "x86"] } },
  {
    names: "clone",
    args: [{ index: 0, value: ANY_NAMESPACE, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
    excludes: { caps: ["CAP_SYS_ADMIN"], arches: ["s390", "s390x"] },
  },
  // Its flags are behind a pointer: ENOSYS makes libraries fall back to clone.
  { names: "clone3", errno: 38, excludes: { caps: ["CAP_SYS_ADMIN"] } },
];

const CAPABILITY_CALLS: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
    lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd
    setdomainname sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module init_module finit_module",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
  CAP_SYS_RAWIO: "iopl ioperm",
  CAP_SYS_TIME: "settimeofday stime clock_settime clock_settime64",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYSLOG: "syslog",
  CAP_BPF: "bpf",
  CAP_PERFMON: "perf_event_open",
};

const byCapability = Object.entries(CAPABILITY_CALLS).map(([capability, names]): Entry => ({
  names,
  includes: { caps: [capability] },
}));

export const DEFAULT_PROFILE: SeccompProfile = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 1, // EPERM
  archMap: [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
  ],
  syscalls: [...COMMON_CALLS, ...CONDITIONAL_CALLS, ...byCapability].map(toRule),
};

function toRule({ names, errno, ...conditions }: Entry): ProfileRule {
  const action = errno === undefined ? { action: "SCMP_ACT_ALLOW" } : { action: "SCMP_ACT_ERRNO", errnoRet: errno };
  return { names: names.split(/\s+/), ...action, ...conditions };
}
