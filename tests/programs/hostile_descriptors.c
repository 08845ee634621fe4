/* flags: -pthread */
/* Descriptors are the program's: it closes all of them, puts its own at every number, and counts on the
 * lowest free one, in any thread, up to the process's end. */
#include "hostile.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *self;

static int lowest(void)
{
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    return fd;
}

static void show(const char *when)
{
    char list[1024] = "";
    for (int fd = 0; fd < 300; fd++) {
        char number[8];
        struct stat status;
        if (fstat(fd, &status) != 0) continue;
        snprintf(number, sizeof(number), " %d", fd);
        if (strlen(list) < sizeof(list) - sizeof(number)) strcat(list, number);
    }
    say("%s:%s; lowest free %d", when, list, lowest());
}

static int work(void)
{
    allocate(20000, 777);
    say("alive");
    return 0;
}

static int closes_from(void)
{
    show("before");
    closefrom(3);
    work();
    show("closefrom");
    say("%d", close_range(3, ~0u, 0));
    work();
    show("close_range");
    for (int fd = 3; fd < 20000; fd++)
        if (close(fd) == 0) say("%d was open", fd);
    return work();
}

/* A file of the program's at every number up to 200: all of them hold at the end what was written to them. */
static int puts_over_all(void)
{
    char text[16];
    int file = open("own", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int fd = 3; fd < 200; fd++)
        if (fd != file && dup2(file, fd) != fd) return 50;
    allocate(40000, 777);
    for (int fd = 3; fd < 200; fd++)
        if (write(fd, "x", 1) != 1) return 51;
    say("%d bytes", (int)lseek(file, 0, SEEK_END));
    lseek(file, 0, SEEK_SET);
    say("%d", (int)read(199, text, sizeof(text)));
    show("all");
    return work();
}

/* Every number is closed and taken again while blocks come and go. */
static int takes_again(void)
{
    for (int i = 0; i < 3000; i++) {
        int first = open("/dev/null", O_RDONLY), second = open("/dev/zero", O_RDONLY);
        allocate(20, 777);
        char byte = 1;
        if (read(first, &byte, 1) != 0 || read(second, &byte, 1) != 1 || byte != 0) say("not the program's");
        if (first != 3 || second != 4) say("%d %d", first, second);
        close(first);
        close(second);
    }
    show("end");
    return 0;
}

static int table_full(void)
{
    struct rlimit limits = {64, 64};
    setrlimit(RLIMIT_NOFILE, &limits);
    int count = 0;
    while (open("/dev/null", O_RDONLY) >= 0)
        count++;
    say("%d opened, %d", count, errno);
    pid_t child = fork();
    if (child == 0) {
        allocate(100, 801);
        say("in the child: %d, %d", open("/dev/null", O_RDONLY), errno);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    close(40);
    allocate(40000, 777);
    say("lowest %d", lowest());
    return 0;
}

/* --- In threads ---------------------------------------------------------------------------------------- */

static atomic_bool done;
static void *churn(void *argument)
{
    while (!atomic_load(&done))
        allocate(200, 830);
    return argument;
}

static void *brief(void *argument)
{
    allocate(10, 831);
    return argument;
}

/* One thread alone opens files, beside others that fill chunks, begin and end: it always gets the same
 * number. */
static int lowest_in_threads(void)
{
    pthread_t thread[2], other;
    unsigned different = 0;
    int first = lowest();
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, churn, NULL);
    for (int i = 0; i < 20000; i++) {
        different += lowest() != first;
        if (i % 100 == 0) {
            pthread_create(&other, NULL, brief, NULL);
            pthread_join(other, NULL);
        }
    }
    atomic_store(&done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    say("%d, %u times another", first, different);
    return work();
}

static int expected;
static atomic_uint opened;
static void *opens(void *argument)
{
    for (;;) {
        int fd = open("/dev/null", O_RDONLY);
        if (fd != expected) say("%d instead of %d", fd, expected);
        close(fd);
        atomic_fetch_add(&opened, 1);
    }
    return argument;
}

/* The same while the process ends: children, so that there are many ends. */
static int lowest_at_end(int how)
{
    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            expected = lowest();
            allocate(100, 801);
            pthread_create(&thread, NULL, opens, NULL);
            while (atomic_load(&opened) < 20)
                ;
            if (how == 0) exit(4);
            if (how == 1) _exit(4);
            quick_exit(4);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (status != 4 << 8) say("%x", (unsigned)status);
    }
    return work();
}

static int lowest_at_exit(void)
{
    return lowest_at_end(0);
}

static int lowest_at__exit(void)
{
    return lowest_at_end(1);
}

static int lowest_at_quick_exit(void)
{
    return lowest_at_end(2);
}

/* --- Across exec --------------------------------------------------------------------------------------- */

static int lists(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) return 52;
    unsigned long sum = 0;
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.') {
            count++;
            sum += strtoul(entry->d_name, NULL, 10);
        }
    closedir(folder);
    say("%u descriptors, numbers that add up to %lu", count, sum);
    return 0;
}

static int across_exec(void)
{
    if (open("/dev/null", O_RDONLY) < 0 || open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return 53;
    allocate(20000, 777);
    execl(self, self, "lists", NULL);
    return 54;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"work", work},
        {"closes_from", closes_from},
        {"puts_over_all", puts_over_all},
        {"takes_again", takes_again},
        {"table_full", table_full},
        {"lowest_in_threads", lowest_in_threads},
        {"lowest_at_exit", lowest_at_exit},
        {"lowest_at__exit", lowest_at__exit},
        {"lowest_at_quick_exit", lowest_at_quick_exit},
        {"lists", lists},
        {"across_exec", across_exec},
    };
    self = argv[0];
    return RUN_MODE(modes, argc, argv);
}
