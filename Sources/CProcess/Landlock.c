#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Landlock (landlock(7)) by its numbers: headers of the kernel that it runs on need not be those that it was built with.
// The calls have one number on all architectures.
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446, ASK_VERSION = 1, BENEATH = 1 };

#define EXECUTE (UINT64_C(1) << 0)
#define WRITE_FILE (UINT64_C(1) << 1)
#define READ_FILE (UINT64_C(1) << 2)
#define READ_DIR (UINT64_C(1) << 3)
#define REMOVE_DIR (UINT64_C(1) << 4)
#define REMOVE_FILE (UINT64_C(1) << 5)
#define MAKE_DIR (UINT64_C(1) << 7)
#define MAKE_REG (UINT64_C(1) << 8)
#define TRUNCATE (UINT64_C(1) << 14)

// Version 1 has 13 rights; 2 adds the move between folders, 3 the truncation, 5 the control of devices.
#define RIGHTS_OF_VERSION_1 ((UINT64_C(1) << 13) - 1)
#define MOVE_BETWEEN_FOLDERS (UINT64_C(1) << 13)
#define CONTROL_DEVICE (UINT64_C(1) << 15)

#define OF_FILES (WRITE_FILE | READ_FILE | TRUNCATE)
#define READING (READ_FILE | READ_DIR)
// Neither links, sockets, pipes nor devices are made, and nothing is moved between folders.
#define WRITING (READING | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG)

#define TCP_BIND_AND_CONNECT UINT64_C(3)
#define ABSTRACT_SOCKETS_AND_SIGNALS UINT64_C(3)

struct ruleset {
  uint64_t files, network, scoped;
};

struct rule {
  uint64_t allowed;
  int32_t parent;
} __attribute__((packed));

int byol_landlock_version(void) {
  long version = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);
  return version > 0 ? (int)version : 0;
}

// What is refused where no rule allows it. Starting programs is left out: the program starts itself anew under the rules,
// and the seccomp filter refuses it afterwards.
static struct ruleset refused(int version) {
  struct ruleset rules = {RIGHTS_OF_VERSION_1 & ~EXECUTE, 0, 0};
  if (version >= 2) rules.files |= MOVE_BETWEEN_FOLDERS;
  if (version >= 3) rules.files |= TRUNCATE;
  if (version >= 4) rules.network = TCP_BIND_AND_CONNECT;
  if (version >= 5) rules.files |= CONTROL_DEVICE;
  if (version >= 6) rules.scoped = ABSTRACT_SOCKETS_AND_SIGNALS;
  return rules;
}

static int is_below(const char *path, const char *folder) {
  return strncmp(path, folder, strlen(folder)) == 0;
}

static int allow(int ruleset, const char *path, uint64_t rights) {
  // The kernel forgets what it knows of a folder in /proc when memory is short, and a rule with it; an open descriptor
  // keeps both. It is kept over the new start, and opens nothing itself.
  int is_kept = is_below(path, "/proc/");
  int file = open(path, O_PATH | (is_kept ? 0 : O_CLOEXEC));
  // What is not there needs no permission.
  if (file < 0) return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : errno;
  struct stat status;
  int code = fstat(file, &status) == 0 ? 0 : errno;
  struct rule rule = {S_ISDIR(status.st_mode) ? rights : rights & OF_FILES, file};
  if (!code && syscall(ADD_RULE, ruleset, BENEATH, &rule, 0) != 0) code = errno;
  if (!is_kept || code) close(file);
  return code;
}

static int add_rules(int ruleset, const char *const *paths, uint64_t rights) {
  int code = 0;
  for (; !code && *paths; paths++) code = allow(ruleset, *paths, rights);
  return code;
}

int byol_restrict_files(const char *const *readable, const char *const *writable) {
  const struct ruleset rules = refused(byol_landlock_version());
  // A kernel with an older version takes the longer structure as long as what it does not know is zero.
  int ruleset = (int)syscall(CREATE_RULESET, &rules, sizeof rules, 0);
  if (ruleset < 0) return errno;
  int code = add_rules(ruleset, readable, READING & rules.files);
  if (!code) code = add_rules(ruleset, writable, WRITING & rules.files);
  if (!code && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) code = errno;
  if (!code && syscall(RESTRICT_SELF, ruleset, 0) != 0) code = errno;
  close(ruleset);
  return code;
}

struct names {
  char *text;
  size_t length, capacity;
};

static int add_name(struct dl_phdr_info *object, size_t size, void *context) {
  (void)size;
  struct names *names = context;
  const size_t length = strlen(object->dlpi_name);
  // The program itself has an empty name, and what the kernel provides has none with a slash.
  if (object->dlpi_name[0] != '/') return 0;
  if (length + 1 > names->capacity - names->length) return ENAMETOOLONG;
  memcpy(names->text + names->length, object->dlpi_name, length);
  names->length += length;
  names->text[names->length++] = '\n';
  return 0;
}

size_t byol_loaded_libraries(char *text, size_t capacity) {
  struct names names = {text, 0, capacity};
  return dl_iterate_phdr(add_name, &names) == 0 ? names.length : 0;
}

int byol_start_anew(const char *const *arguments) {
  execv("/proc/self/exe", (char *const *)arguments);
  return errno;
}

int byol_has_no_new_privileges(void) { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1; }

int byol_has_filter(void) { return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2; }

int byol_is_held_to_files(void) {
  int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) close(folder);
  return folder < 0 && errno == EACCES;
}
