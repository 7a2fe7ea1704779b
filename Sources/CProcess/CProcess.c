#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// Descriptors made here are 10 or greater, so that they never meet the 0 to 3 of the child.
enum { LEAST_DESCRIPTOR = 10, PIPES = 3 };

static void close_all(int ends[PIPES][2]) {
  for (int i = 0; i < PIPES; i++)
    for (int side = 0; side < 2; side++)
      if (ends[i][side] >= 0) close(ends[i][side]);
}

static int make_pipe(int ends[2]) {
  int low[2];
  if (pipe2(low, O_CLOEXEC) != 0) return errno;
  int code = 0;
  for (int side = 0; side < 2; side++) {
    ends[side] = fcntl(low[side], F_DUPFD_CLOEXEC, LEAST_DESCRIPTOR);
    if (ends[side] < 0) code = errno;
    close(low[side]);
  }
  return code;
}

static int spawn(const char *const *arguments, const char *const *environment, int lock,
                 int ends[PIPES][2], pid_t *process) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int code = posix_spawn_file_actions_init(&actions);
  if (code) return code;
  code = posix_spawnattr_init(&attributes);
  if (code) {
    posix_spawn_file_actions_destroy(&actions);
    return code;
  }
  const int sources[] = {ends[0][0], ends[1][1], ends[2][1], lock};
  for (int target = 0; !code && target < 4; target++)
    code = posix_spawn_file_actions_adddup2(&actions, sources[target], target);
  if (!code) code = posix_spawn_file_actions_addclosefrom_np(&actions, 4);
  if (!code) code = posix_spawnattr_setsigmask(&attributes, &none);
  if (!code) code = posix_spawnattr_setsigdefault(&attributes, &all);
  if (!code) code = posix_spawnattr_setpgroup(&attributes, 0);
  if (!code)
    code = posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (!code)
    code = posix_spawnp(process, arguments[0], &actions, &attributes, (char *const *)arguments,
                        (char *const *)environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return code;
}

// The new program has one thread at this point or a few; those it makes later inherit both.
static void lower_priority(pid_t process, int niceness) {
  if (niceness >= 0) {
    setpriority(PRIO_PGRP, (id_t)process, niceness);
  } else {
    const struct sched_param none = {0};
    sched_setscheduler(process, SCHED_IDLE, &none);
  }
}

int byol_start_process(const char *const *arguments, const char *const *environment, int lock,
                       int niceness, struct byol_process *started) {
  int ends[PIPES][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
  int code = 0;
  for (int i = 0; !code && i < PIPES; i++) code = make_pipe(ends[i]);
  if (!code) code = spawn(arguments, environment, lock, ends, &started->process);
  if (code) {
    close_all(ends);
    return code;
  }
  lower_priority(started->process, niceness);
  close(ends[0][0]);
  close(ends[1][1]);
  close(ends[2][1]);
  started->input = ends[0][1];
  started->output = ends[1][0];
  started->errors = ends[2][0];
  fcntl(started->output, F_SETFL, O_NONBLOCK);
  fcntl(started->errors, F_SETFL, O_NONBLOCK);
  return 0;
}

int byol_process_ended(pid_t process, int *code, int *signal) {
  siginfo_t info = {0};
  if (waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return 0;
  if (info.si_signo != SIGCHLD) return 0;
  *code = info.si_code == CLD_EXITED ? info.si_status : 0;
  *signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
  return 1;
}
