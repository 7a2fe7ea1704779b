#define _GNU_SOURCE
#include "CSystem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CHECKED(call) ({ __typeof__(call) result_ = (call); result_ < 0 ? -errno : result_; })

int byol_epoll_create(void) { return CHECKED(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data = {.u64 = token}};
  return CHECKED(epoll_ctl(epoll, operation, fd, &event));
}

int byol_epoll_add_stream(int epoll, int fd, uint64_t token) {
  return control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, token);
}

int byol_epoll_add_source(int epoll, int fd, uint64_t token) {
  return control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, token);
}

int byol_epoll_arm_source(int epoll, int fd, uint64_t token, int armed) {
  return control(epoll, EPOLL_CTL_MOD, fd, armed ? EPOLLIN : 0, token);
}

int byol_epoll_wait(int epoll, byol_event *events, int capacity, int timeout_ms) {
  struct epoll_event raw[256];
  if (capacity > 256) capacity = 256;
  int count = epoll_wait(epoll, raw, capacity, timeout_ms);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) {
    uint32_t seen = raw[i].events;
    events[i].token = raw[i].data.u64;
    events[i].bits = ((seen & EPOLLIN) ? BYOL_READABLE : 0) | ((seen & EPOLLOUT) ? BYOL_WRITABLE : 0) |
                     ((seen & EPOLLRDHUP) ? BYOL_PEER_CLOSED : 0) |
                     ((seen & (EPOLLERR | EPOLLHUP)) ? BYOL_BROKEN : 0);
  }
  return count;
}

int byol_eventfd_create(void) { return CHECKED(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

void byol_eventfd_signal(int fd) {
  uint64_t one = 1;
  while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void byol_eventfd_clear(int fd) {
  uint64_t count;
  while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

// Accepted sockets have the option from the listening one. On a Unix socket it fails, and means nothing.
static void send_at_once(int listener) {
  int on = 1;
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Without it the kernel queues up to 4 MiB for each client that does not read. This much keeps a fast one busy.
  int unsent = 256 * 1024;
  setsockopt(listener, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

static int listen_on(int fd, const struct sockaddr *address, socklen_t length, int backlog) {
  if (bind(fd, address, length) < 0 || listen(fd, backlog) < 0) {
    int failure = -errno;
    close(fd);
    return failure;
  }
  return fd;
}

static int numeric_address(const char *host, uint16_t port, struct sockaddr_storage *storage,
                           socklen_t *length) {
  memset(storage, 0, sizeof *storage);
  struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
  if (strcmp(host, "localhost") == 0) host = "127.0.0.1";
  if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    *length = sizeof *v4;
    return 0;
  }
  if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    *length = sizeof *v6;
    return 0;
  }
  return -EADDRNOTAVAIL;
}

int byol_listen_tcp(const char *host, uint16_t port, int backlog, int reuse_port) {
  struct sockaddr_storage storage;
  socklen_t length;
  int failure = numeric_address(host, port, &storage, &length);
  if (failure < 0) return failure;
  int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  send_at_once(fd);
  if (reuse_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  return listen_on(fd, (struct sockaddr *)&storage, length, backlog);
}

int byol_listen_unix(const char *path, int backlog) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
  strcpy(address.sun_path, path);
  struct stat status;
  if (lstat(path, &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return -EEXIST;
    // Only a socket that nobody listens on any more is replaced.
    int living = byol_connect_unix(path);
    if (living >= 0) {
      close(living);
      return -EADDRINUSE;
    }
    unlink(path);
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  return listen_on(fd, (struct sockaddr *)&address, sizeof address, backlog);
}

void byol_unlink(const char *path) { unlink(path); }

int byol_adopt_listener(int fd) {
  int kind = 0, listens = 0;
  socklen_t length = sizeof kind;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &length) < 0) return -errno;
  length = sizeof listens;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0) return -errno;
  if (kind != SOCK_STREAM || !listens) return -EINVAL;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
    return -errno;
  send_at_once(fd);
  return fd;
}

int byol_local_port(int fd) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
  if (storage.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&storage)->sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&storage)->sin6_port);
  return 0;
}

int byol_listens_locally(int fd) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return 0;
  if (storage.ss_family == AF_UNIX) return 1;
  if (storage.ss_family == AF_INET) return ntohl(((struct sockaddr_in *)&storage)->sin_addr.s_addr) >> 24 == 127;
  if (storage.ss_family != AF_INET6) return 0;
  const struct in6_addr *address = &((struct sockaddr_in6 *)&storage)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(address) || (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

int byol_awaits_accept(int listener) {
  struct pollfd waiting = {.fd = listener, .events = POLLIN};
  return poll(&waiting, 1, 0) == 1;
}

int byol_accept(int listener, char *address, size_t capacity) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  int fd = accept4(listener, (struct sockaddr *)&storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return -errno;
  address[0] = 0;
  if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &((struct sockaddr_in *)&storage)->sin_addr, address, (socklen_t)capacity);
  } else if (storage.ss_family == AF_INET6) {
    const struct in6_addr *v6 = &((struct sockaddr_in6 *)&storage)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(v6))  // a v4 client of a socket that takes both
      inet_ntop(AF_INET, &v6->s6_addr[12], address, (socklen_t)capacity);
    else
      inet_ntop(AF_INET6, v6, address, (socklen_t)capacity);
  }
  return fd;
}

int byol_connect_tcp(const char *host, uint16_t port) {
  struct sockaddr_storage storage;
  socklen_t length;
  int failure = numeric_address(host, port, &storage, &length);
  if (failure < 0) return failure;
  int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&storage, length) < 0) {
    failure = -errno;
    close(fd);
    return failure;
  }
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int byol_unacknowledged(int fd) {
  int count = 0;
  return ioctl(fd, SIOCOUTQ, &count) < 0 ? 0 : count;
}

int byol_unread(int fd) {
  int count = 0;
  return ioctl(fd, FIONREAD, &count) < 0 ? 0 : count;
}

ssize_t byol_receive(int fd, void *buffer, size_t capacity) {
  ssize_t count;
  do {
    count = recv(fd, buffer, capacity, 0);
  } while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
}

ssize_t byol_send2(int fd, const void *first, size_t first_count, const void *second,
                   size_t second_count, int more) {
  struct iovec runs[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
  struct msghdr message = {.msg_iov = runs, .msg_iovlen = second_count > 0 ? 2 : 1};
  int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
  ssize_t count;
  do {
    count = second_count > 0 ? sendmsg(fd, &message, flags) : send(fd, first, first_count, flags);
  } while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
}

ssize_t byol_send_file(int fd, int file, int64_t *offset, size_t count) {
  off_t position = *offset;
  ssize_t sent;
  do {
    sent = sendfile(fd, file, &position, count);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return -errno;
  *offset = position;
  return sent;
}

int byol_shutdown_write(int fd) { return CHECKED(shutdown(fd, SHUT_WR)); }
int byol_close(int fd) { return CHECKED(close(fd)); }

void byol_reset_on_close(int fd) {
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

int byol_open_beneath(int root, const char *path) {
  // Component by component, so that no link anywhere on the way is followed.
  int folder = fcntl(root, F_DUPFD_CLOEXEC, 0);
  if (folder < 0) return -errno;
  char name[256];
  for (;;) {
    while (*path == '/') path++;
    const char *end = strchrnul(path, '/');
    size_t length = (size_t)(end - path);
    int failure = 0;
    if (length == 0) failure = -EISDIR;
    if (length >= sizeof name) failure = -ENAMETOOLONG;
    if ((length == 1 && path[0] == '.') || (length == 2 && path[0] == '.' && path[1] == '.'))
      failure = -EACCES;
    if (failure < 0) {
      close(folder);
      return failure;
    }
    memcpy(name, path, length);
    name[length] = 0;
    int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (*end ? O_DIRECTORY : 0);
    int next = openat(folder, name, flags);
    failure = -errno;
    close(folder);
    if (next < 0) return failure;
    if (!*end) return next;
    folder = next;
    path = end;
  }
}

int byol_open_folder(const char *path) {
  return CHECKED(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int byol_open_read(const char *path) {
  return CHECKED(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

int byol_file_status(int fd, int64_t *size, int64_t *modified_seconds, int64_t *modified_nanoseconds,
                     uint64_t *inode) {
  struct stat status;
  if (fstat(fd, &status) < 0) return -errno;
  if (S_ISDIR(status.st_mode)) return -EISDIR;
  if (!S_ISREG(status.st_mode)) return -EINVAL;
  *size = status.st_size;
  *modified_seconds = status.st_mtim.tv_sec;
  *modified_nanoseconds = status.st_mtim.tv_nsec;
  *inode = status.st_ino;
  return 0;
}

ssize_t byol_read_at(int fd, void *buffer, size_t count, int64_t offset) {
  ssize_t got;
  do {
    got = pread(fd, buffer, count, offset);
  } while (got < 0 && errno == EINTR);
  return got < 0 ? -errno : got;
}

uint64_t byol_monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t byol_wall_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec;
}

typedef struct {
  void (*body)(void *);
  void *context;
  char name[16];
} thread_start;

static void *thread_main(void *argument) {
  thread_start start = *(thread_start *)argument;
  free(argument);
  // By the thread itself: it is detached, so its maker cannot know that it still lives.
  pthread_setname_np(pthread_self(), start.name);
  start.body(start.context);
  return NULL;
}

int byol_start_thread(void (*body)(void *), void *context, const char *name) {
  thread_start *start = malloc(sizeof *start);
  if (!start) return -ENOMEM;
  *start = (thread_start){body, context, ""};
  strncpy(start->name, name, sizeof start->name - 1);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  int failure = pthread_create(&thread, &attributes, thread_main, start);
  pthread_attr_destroy(&attributes);
  if (failure) {
    free(start);
    return -failure;
  }
  return 0;
}

uint64_t byol_thread_id(void) { return (uint64_t)pthread_self(); }

int byol_exchange(const char *path, const char *other) {
  return renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE) == 0 ? 0 : -errno;
}
