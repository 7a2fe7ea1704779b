// What Swift's import of Glibc leaves out or cannot express: epoll, eventfd, accept4, openat2-like opening, renameat2.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Bits of byol_event.bits.
enum {
  BYOL_READABLE = 1,
  BYOL_WRITABLE = 2,
  BYOL_PEER_CLOSED = 4,  // the peer will send nothing more
  BYOL_BROKEN = 8,       // error or reset
};

typedef struct {
  uint64_t token;
  uint32_t bits;
} byol_event;

// All functions below return -errno on failure.

// Lets two files or folders, which both exist, swap their names in one step (renameat2(2), RENAME_EXCHANGE). Returns 0.
int byol_exchange(const char *path, const char *other);

int byol_epoll_create(void);
// Edge-triggered on everything, once for the descriptor's life.
int byol_epoll_add_stream(int epoll, int fd, uint64_t token);
// Level-triggered on reading; `armed` 0 keeps the registration but reports nothing.
int byol_epoll_add_source(int epoll, int fd, uint64_t token);
int byol_epoll_arm_source(int epoll, int fd, uint64_t token, int armed);
// Returns the number of events, 0 on timeout or interruption. timeout_ms -1 waits for ever.
int byol_epoll_wait(int epoll, byol_event *events, int capacity, int timeout_ms);

int byol_eventfd_create(void);
void byol_eventfd_signal(int fd);
void byol_eventfd_clear(int fd);

// A listening TCP socket, non-blocking; its connections hold few bytes that they cannot send yet. `host` is a numeric address or "localhost". port 0 takes a free one.
int byol_listen_tcp(const char *host, uint16_t port, int backlog, int reuse_port);
// A listening Unix socket; a socket file at `path` that nobody listens on any more is replaced.
int byol_listen_unix(const char *path, int backlog);
void byol_unlink(const char *path);
// Takes over a listening stream socket that was opened before this process: non-blocking, close-on-exec.
int byol_adopt_listener(int fd);
int byol_local_port(int fd);
// 1 if only this machine can reach a listening socket: one on a loopback address, or a Unix socket; else 0.
int byol_listens_locally(int fd);
// Whether a connection waits to be accepted, 0 or 1.
int byol_awaits_accept(int listener);
// Accepts one connection, non-blocking and close-on-exec, TCP_NODELAY as the listener's. The peer's numeric address (without
// port) goes to `address`, empty for a Unix socket.
int byol_accept(int listener, char *address, size_t capacity);
// Sends one datagram to the Unix socket at `path`, whose first byte is '@' for a name that is in no folder; returns 0.
int byol_tell_unix(const char *path, const char *message);
// Blocking connections, for tests.
int byol_connect_tcp(const char *host, uint16_t port);
int byol_connect_unix(const char *path);

// Bytes written to a socket that the peer's system has not acknowledged, sent or not; of a Unix socket those that the peer
// has not read, with the kernel's own overhead. 0 where the kernel does not tell.
int byol_unacknowledged(int fd);
// Bytes that a receive would return now.
int byol_unread(int fd);
ssize_t byol_receive(int fd, void *buffer, size_t capacity);
// One or two runs of bytes in one segment where they fit; never raises SIGPIPE. `more` lets the last segment wait for
// the bytes that follow at once.
ssize_t byol_send2(int fd, const void *first, size_t first_count, const void *second, size_t second_count,
                   int more);
ssize_t byol_send_file(int fd, int file, int64_t *offset, size_t count);
// No more will be sent; receiving stays possible.
int byol_shutdown_write(int fd);
int byol_close(int fd);
// Makes the coming close send a reset instead of lingering in the kernel.
void byol_reset_on_close(int fd);

// Opens `path` below the folder `root` for reading, following no symbolic link and leaving the folder never.
int byol_open_beneath(int root, const char *path);
int byol_open_folder(const char *path);
int byol_open_read(const char *path);
// Size in bytes and modification time of a regular file; -EISDIR for a folder, -EINVAL for anything else.
int byol_file_status(int fd, int64_t *size, int64_t *modified_seconds, int64_t *modified_nanoseconds,
                     uint64_t *inode);
ssize_t byol_read_at(int fd, void *buffer, size_t count, int64_t offset);

uint64_t byol_monotonic_ns(void);
int64_t byol_wall_seconds(void);
// A detached thread.
int byol_start_thread(void (*body)(void *), void *context, const char *name);
uint64_t byol_thread_id(void);
