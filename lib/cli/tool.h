/* tool.h (tools) - what every main begins and ends with. */
#ifndef BL_TOOL_H
#define BL_TOOL_H

#include "base/guards.h"
#include "base/mem.h"
#include "cli/log.h"
#include "cli/opt.h"

/* Exit statuses (DESIGN: the tools). */
enum {
    BL_EXIT_OK = 0,
    BL_EXIT_USAGE = 64,
    BL_EXIT_DATA = 65,
    BL_EXIT_NOINPUT = 66,
    BL_EXIT_INTERNAL = 70,
    BL_EXIT_CANTCREAT = 73,
    BL_EXIT_IO = 74,
    BL_EXIT_STOPPED = 75,
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BL_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BL_SANITIZED
#endif
#endif

/* The exit status that goes with an error code. */
int bl_exit_of(int code);

/* GLib ends a process without memory by SIGTRAP or SIGABRT; where the message of that
 * fails as well it complains of it, and so on to the end of the stack. The handler, on
 * a stack of its own for SIGSEGV, is called with errno ENOMEM but of SIGTRAP; of other
 * causes it is to restore the default and return. */
void bl_tool_where_memory_fails(void (*handler)(int));

/* Where descriptors 0, 1 or 2 are closed, opens /dev/null there (so that no file
 * lands on them) and remembers that standard output was closed. Call first. */
void bl_tool_start(void);
/* Closes standard output; turns a failed write into BL_EXIT_IO with a message.
 * Returns the status to leave with. */
int bl_tool_finish(bl_log *l, int status);

/* The number of jobs to use: common->jobs, or the processors online if 0. */
int bl_tool_jobs(const bl_opt_common *c);

/* 0, or BL_E_ARG if no operand is given and standard input is a terminal. */
int bl_tool_tty_in(const bl_opts *o, bl_err *e) BL_MUST_CHECK;
/* 0, or BL_E_ARG if the output is named as a PNG or PDF file or as sound, which
 * nothing here writes, or below as MIDI; --force takes any name. */
int bl_tool_no_media(const bl_opt_common *c, bl_err *e) BL_MUST_CHECK;
/* 0, or BL_E_ARG if the output is named as MIDI where something else is written:
 * "a table", for a name with ".tsv"; --force takes any name. */
int bl_tool_no_midi(const bl_opt_common *c, const char *what, const char *suffix,
                    bl_err *e) BL_MUST_CHECK;
/* 0, or BL_E_ARG if bytes that are no text would go to a terminal: a stream without
 * --plain. */
int bl_tool_tty_out(const bl_opt_common *c, bl_err *e) BL_MUST_CHECK;
/* The same of what --plain does not change; `ways` are those that remain: "-d DIR". */
int bl_tool_tty_binary(const bl_opt_common *c, const char *ways,
                       bl_err *e) BL_MUST_CHECK;

/* 1 if two outputs are one: the same file under whatever name, or both standard output
 * (NULL or "-"). What is written in place, as /dev/null is, may be named twice. */
int bl_tool_same_output(const char *a, const char *b);

/* Ends the tool with BL_EXIT_INTERNAL and a line where its address space is limited to
 * less than `bytes`: a BLAS waits for ever for memory that it does not get, also when a
 * process exits. */
enum { BL_TOOL_ROOM = 300 << 20 }; /* OpenBLAS's two buffers and a model */
void bl_tool_need_room(bl_log *l, size_t bytes);

/* ---- signals ---- */

/* Removes what is added, up to six at a time, if SIGINT, SIGTERM or SIGHUP ends the
 * tool. Not with bl_stop_watch. */
extern const bl_guards bl_tool_guards;
/* For a process that was forked: what is guarded is its parent's. */
void bl_tool_guard_nothing(void);

/* Appends the template of a temporary file or folder for mkstemp and mkdtemp, below
 * TMPDIR: "/tmp/NAME.XXXXXX". 0 or BL_E_NOMEM. */
int bl_tool_temp_path(const char *name, bl_buf *path, bl_err *e) BL_MUST_CHECK;

/* SIGINT, SIGTERM and SIGHUP, unless it is ignored, ask to stop; SIGUSR1 asks for a
 * checkpoint: */
void bl_stop_watch(void); /* installs the handlers; a second signal exits at once, if
                           * it comes half a second after the first or later */
int bl_stop_asked(void);  /* the signal's number, or 0 */
int bl_checkpoint_asked(void); /* 1 once after each SIGUSR1 */

#endif
