/* Docker's json-file format: one JSON object a line, lines over 16 KiB in parts, files rotated by size. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

#define LINE_BYTES 16384
#define OUT_BYTES (128 * 1024)
/* An entry at its largest: each byte of a line as \u00XX, and what stands around it. */
#define ENTRY_BYTES (LINE_BYTES * 6 + 256)

#define ATTRIBUTES_BYTES (24 * 1024)

static struct {
  int fd, directory;
  int holds; /* nothing is rotated away before it was delivered */
  int full;  /* and so there is no room now */
  char path[4096];
  char attributes[ATTRIBUTES_BYTES];
  size_t attributes_length;
  uint64_t size, max_size, dropped;
  uint32_t max_files;
} file = {.fd = -1, .directory = -1};

/* Page-aligned, so that idle memory can be given back. */
static uint8_t out[OUT_BYTES] __attribute__((aligned(4096)));
static size_t out_length;
static uint32_t out_entries;

struct part {
  uint8_t bytes[LINE_BYTES];
  uint32_t length;
  char time[40];
  size_t time_length; /* 0: no part of this line was written yet */
};
static struct part parts[2] __attribute__((aligned(4096)));

int log_open(const struct log_options *o) {
  if (!*o->path) return 0;
  if (strlen(o->path) >= sizeof file.path - 16 || strlen(o->attributes) >= sizeof file.attributes) return -ENAMETOOLONG;
  memcpy(file.path, o->path, strlen(o->path) + 1);
  file.attributes_length = strlen(o->attributes);
  memcpy(file.attributes, o->attributes, file.attributes_length);
  file.max_size = o->max_size;
  file.max_files = o->max_files;
  file.holds = o->holds && o->max_size > 0 && o->max_files > 1;
  char *slash = strrchr(file.path, '/');
  if (slash && slash != file.path) {
    *slash = 0;
    file.directory = open(file.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *slash = '/';
  }
  file.fd = open(file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (file.fd < 0) return -errno;
  struct stat st;
  file.size = fstat(file.fd, &st) == 0 ? (uint64_t)st.st_size : 0;
  return 0;
}

uint64_t log_dropped(void) { return file.dropped; }

/* A full disk drops entries, and counts them: a container never waits for its log. */
static void flush(void) {
  if (out_length == 0) return;
  size_t done = 0;
  while (file.fd >= 0 && done < out_length) {
    ssize_t n = write(file.fd, out + done, out_length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += (size_t)n;
  }
  if (done < out_length) {
    /* No half line stays behind. */
    if (done > 0 && file.fd >= 0 && ftruncate(file.fd, (off_t)file.size) < 0) file.size += done;
    file.dropped += out_entries;
  } else {
    file.size += out_length;
  }
  out_length = 0;
  out_entries = 0;
}

static void name_of(char *name, size_t size, uint32_t index, const char *suffix) {
  if (index == 0)
    snprintf(name, size, "%s", file.path);
  else
    snprintf(name, size, "%s.%u%s", file.path, index, suffix);
}

static const char *const suffixes[] = {"", ".gz"};

/* The oldest file may go: it is not there, or the daemon has set its sticky bit. */
static int oldest_was_delivered(void) {
  char name[sizeof file.path + 16];
  for (size_t s = 0; s < 2; s++) {
    struct stat st;
    name_of(name, sizeof name, file.max_files - 1, suffixes[s]);
    if (stat(name, &st) == 0) return st.st_mode & S_ISVTX ? 1 : 0;
  }
  return 1;
}

/* path → path.1 → … → path.(max_files − 1), each compressed (.gz) or not; followers keep the file that they have open. */
static void rotate_names(void) {
  char from[sizeof file.path + 16], to[sizeof file.path + 16];
  for (size_t s = 0; s < 2; s++) {
    name_of(to, sizeof to, file.max_files - 1, file.max_files > 1 ? suffixes[s] : "");
    unlink(to);
  }
  for (uint32_t i = file.max_files; i-- > 1;) {
    for (size_t s = 0; s < (i == 1 ? 1 : 2); s++) {
      name_of(from, sizeof from, i - 1, suffixes[s]);
      name_of(to, sizeof to, i, suffixes[s]);
      rename(from, to);
    }
  }
}

/* While somebody holds the folder's lock (he renames files himself), it goes on in the old file until the next entry. */
static void rotate(void) {
  file.full = file.holds && !oldest_was_delivered();
  if (file.full || (file.directory >= 0 && flock(file.directory, LOCK_EX | LOCK_NB) < 0)) return;
  rotate_names();
  int fd = open(file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (file.directory >= 0) flock(file.directory, LOCK_UN);
  if (fd < 0) return; /* goes on in the old one */
  close(file.fd);
  file.fd = fd;
  file.size = 0;
}

int log_held(void) { return file.full; }

int log_is_full(void) {
  if (file.full && oldest_was_delivered()) file.full = 0;
  return file.full;
}

static size_t format_time(char *text, size_t size) {
  static time_t last = -1;
  static char seconds[24];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != last) {
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    last = now.tv_sec;
  }
  int n = snprintf(text, size, "%s.%09ld", seconds, now.tv_nsec);
  /* RFC3339Nano: no zeros at the end. */
  while (text[n - 1] == '0') n--;
  if (text[n - 1] == '.') n--;
  text[n++] = 'Z';
  return (size_t)n;
}

/* — JSON strings — */

enum { PLAIN, ESCAPE, MULTIBYTE };
static uint8_t class_of[256];

static void init_classes(void) {
  for (int i = 0; i < 256; i++) class_of[i] = i < 0x20 ? ESCAPE : i < 0x80 ? PLAIN : MULTIBYTE;
  for (const char *p = "\"\\<>&"; *p; p++) class_of[(uint8_t)*p] = ESCAPE;
}

static uint8_t *put_escape(uint8_t *to, uint8_t c) {
  static const char hex[] = "0123456789abcdef";
  *to++ = '\\';
  switch (c) {
    case '"':
    case '\\':
      *to++ = c;
      return to;
    case '\n':
      *to++ = 'n';
      return to;
    case '\r':
      *to++ = 'r';
      return to;
  }
  memcpy(to, "u00", 3);
  to[3] = (uint8_t)hex[c >> 4];
  to[4] = (uint8_t)hex[c & 15];
  return to + 5;
}

/* Length of a valid UTF-8 sequence at `s`, or 0 (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF). */
static size_t sequence(const uint8_t *s, size_t n) {
  uint8_t low = 0x80, high = 0xbf;
  size_t length;
  if (s[0] >= 0xc2 && s[0] <= 0xdf) {
    length = 2;
  } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
    length = 3;
    if (s[0] == 0xe0) low = 0xa0;
    if (s[0] == 0xed) high = 0x9f;
  } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
    length = 4;
    if (s[0] == 0xf0) low = 0x90;
    if (s[0] == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (n < length || s[1] < low || s[1] > high) return 0;
  for (size_t i = 2; i < length; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  return length;
}

static uint8_t *put_json(uint8_t *to, const uint8_t *s, size_t n) {
  size_t i = 0;
  while (i < n) {
    size_t start = i;
    while (i < n && class_of[s[i]] == PLAIN) i++;
    memcpy(to, s + start, i - start);
    to += i - start;
    if (i == n) break;
    if (class_of[s[i]] == ESCAPE) {
      to = put_escape(to, s[i++]);
      continue;
    }
    size_t length = sequence(s + i, n - i);
    if (length == 0) {
      memcpy(to, "\\ufffd", 6);
      to += 6;
      i++;
    } else if (length == 3 && s[i] == 0xe2 && s[i + 1] == 0x80 && (s[i + 2] & 0xfe) == 0xa8) {
      /* U+2028 and U+2029 are line ends to JavaScript. */
      memcpy(to, s[i + 2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
      to += 6;
      i += 3;
    } else {
      memcpy(to, s + i, length);
      to += length;
      i += length;
    }
  }
  return to;
}

/* — Entries — */

static void put_entry(int stream, const uint8_t *before, size_t before_length, const uint8_t *data, size_t length,
                      int newline, const char *time, size_t time_length) {
  if (out_length + ENTRY_BYTES + file.attributes_length > OUT_BYTES) flush();
  if (file.max_size && file.size + out_length >= file.max_size) {
    flush();
    if (file.size >= file.max_size) rotate();
  }
  uint8_t *to = out + out_length;
#define PUT(text) (memcpy(to, text, sizeof text - 1), to += sizeof text - 1)
  PUT("{\"log\":\"");
  static uint8_t whole[LINE_BYTES];
  if (before_length) {
    /* In one piece: a character may stand across the seam. */
    memcpy(whole, before, before_length);
    if (length > 0) memcpy(whole + before_length, data, length);
    data = whole;
    length += before_length;
  }
  to = put_json(to, data, length);
  if (newline) PUT("\\n");
  if (stream == FRAME_STDERR)
    PUT("\",\"stream\":\"stderr\"");
  else
    PUT("\",\"stream\":\"stdout\"");
  memcpy(to, file.attributes, file.attributes_length);
  to += file.attributes_length;
  PUT(",\"time\":\"");
  memcpy(to, time, time_length);
  to += time_length;
  PUT("\"}\n");
#undef PUT
  out_length = (size_t)(to - out);
  out_entries++;
}

void log_write(int stream, const uint8_t *data, size_t length) {
  if (file.fd < 0) return;
  if (!class_of[0]) init_classes();
  struct part *part = &parts[stream == FRAME_STDERR];
  char time[40];
  size_t time_length = format_time(time, sizeof time);
  while (length > 0) {
    const uint8_t *newline = memchr(data, '\n', length);
    size_t segment = newline ? (size_t)(newline - data) : length;
    /* All parts of a line carry the time of the first. */
    const char *at = part->time_length ? part->time : time;
    size_t at_length = part->time_length ? part->time_length : time_length;
    if (part->length + segment >= LINE_BYTES) {
      segment = LINE_BYTES - part->length;
      put_entry(stream, part->bytes, part->length, data, segment, 0, at, at_length);
      if (!part->time_length) {
        memcpy(part->time, time, time_length);
        part->time_length = time_length;
      }
      part->length = 0;
      data += segment;
      length -= segment;
    } else if (newline) {
      put_entry(stream, part->bytes, part->length, data, segment, 1, at, at_length);
      part->length = 0;
      part->time_length = 0;
      data += segment + 1;
      length -= segment + 1;
    } else {
      memcpy(part->bytes + part->length, data, segment);
      part->length += (uint32_t)segment;
      length = 0;
    }
  }
  flush();
}

void log_end(int stream) {
  struct part *part = &parts[stream == FRAME_STDERR];
  if (file.fd < 0 || part->length == 0) return;
  char time[40];
  size_t time_length = format_time(time, sizeof time);
  put_entry(stream, part->bytes, part->length, NULL, 0, 0, part->time_length ? part->time : time,
            part->time_length ? part->time_length : time_length);
  part->length = 0;
  part->time_length = 0;
  flush();
}

void log_idle(void) {
  madvise(out, sizeof out, MADV_DONTNEED);
  if (parts[0].length + parts[1].length + parts[0].time_length + parts[1].time_length == 0)
    madvise(parts, sizeof parts & ~4095ul, MADV_DONTNEED);
}
