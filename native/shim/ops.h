/* Opcodes of the launch plan. src/runtime/plan/ops.ts says what each does and with which arguments. */
#ifndef BERTH_OPS_H
#define BERTH_OPS_H

#define PLAN_MAGIC 0x4e4c5042u
#define PLAN_VERSION 1u
#define NO_SLOT 0xffffffffu

#define PLAN_OPS(OP)    \
  OP(spawn_init, 1)     \
  OP(unshare, 2)        \
  OP(setns, 3)          \
  OP(join_init, 4)      \
  OP(sync_maps, 5)      \
  OP(new_session, 6)    \
  OP(begin_in, 7)       \
  OP(mkdir_all, 10)     \
  OP(write_file, 11)    \
  OP(cgroup_devices, 12) \
  OP(open_file, 13)     \
  OP(write_slot, 14)    \
  OP(open_tree, 20)     \
  OP(overlay, 21)       \
  OP(fsmount, 22)       \
  OP(mount_setattr, 23) \
  OP(new_userns, 24)    \
  OP(attach_root, 25)   \
  OP(move_mount, 26)    \
  OP(propagation, 27)   \
  OP(pivot_root, 28)    \
  OP(close_slot, 29)    \
  OP(root_setattr, 30)  \
  OP(slot_file, 31)     \
  OP(foreign_tree, 32)   \
  OP(fs_ids, 33)        \
  OP(make_dir, 40)      \
  OP(symlink, 41)       \
  OP(mknod, 42)         \
  OP(mask_path, 44)     \
  OP(readonly_path, 45) \
  OP(sysctl, 46)        \
  OP(hostname, 47)      \
  OP(domainname, 48)    \
  OP(loopback_up, 49)   \
  OP(console, 50)       \
  OP(stdio, 51)         \
  OP(own_stdio, 52)     \
  OP(rlimit, 60)        \
  OP(oom_score_adj, 61) \
  OP(umask, 62)         \
  OP(keyring, 63)       \
  OP(bounding, 64)      \
  OP(capset, 65)        \
  OP(ambient, 66)       \
  OP(keep_caps, 67)     \
  OP(no_new_privs, 68)  \
  OP(seccomp, 69)       \
  OP(setgroups, 70)     \
  OP(setgid, 71)        \
  OP(setuid, 72)        \
  OP(chdir, 73)         \
  OP(reset, 74)         \
  OP(close_fds, 75)     \
  OP(lsm_attr, 76)      \
  OP(find_program, 77)  \
  OP(wait_start, 78)    \
  OP(exec, 79)          \
  OP(personality, 80)   \
  OP(die_with_shim, 81)

enum plan_op {
#define OP(name, code) OP_##name = code,
  PLAN_OPS(OP)
#undef OP
};

#endif
