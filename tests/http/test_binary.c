/*
 * What the compiler and the linker did for the program against bugs of memory, read from the file
 * itself: whoever changes a flag finds out here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t *file; /* build/KIND/farfield */
static const Elf64_Ehdr *head;
static const Elf64_Phdr *segments;

static int map(void **state)
{
    char path[PATH_MAX];
    struct stat facts;
    (void)state;
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
    assert_true(n > 0);
    path[n] = '\0';
    for (int up = 0; up < 3; up++) /* from build/KIND/tests/http/test_binary */
        *strrchr(path, '/') = '\0';
    strncat(path, "/farfield", 10);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &facts) == 0);
    file = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    assert_true(file != MAP_FAILED);
    assert_memory_equal(file, ELFMAG, SELFMAG);
    assert_int_equal(file[EI_CLASS], ELFCLASS64);
    head = (const Elf64_Ehdr *)(const void *)file;
    segments = (const Elf64_Phdr *)(const void *)(file + head->e_phoff);
    return 0;
}

static const Elf64_Phdr *segment(uint32_t type)
{
    for (size_t i = 0; i < head->e_phnum; i++)
        if (segments[i].p_type == type)
            return &segments[i];
    return NULL;
}

/* The value of an entry of the dynamic section; *found says whether it is there. */
static uint64_t dynamic(int64_t tag, bool *found)
{
    const Elf64_Phdr *s = segment(PT_DYNAMIC);
    assert_non_null(s);
    const Elf64_Dyn *entry = (const Elf64_Dyn *)(const void *)(file + s->p_offset);
    for (; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == tag) {
            *found = true;
            return entry->d_un.d_val;
        }
    *found = false;
    return 0;
}

static void it_can_be_loaded_anywhere_and_is_bound_at_start(void **state)
{
    bool found;
    (void)state;
    assert_int_equal(head->e_type, ET_DYN);
    assert_true(dynamic(DT_FLAGS_1, &found) & DF_1_PIE);
    assert_true(dynamic(DT_FLAGS_1, &found) & DF_1_NOW);
    assert_non_null(segment(PT_GNU_RELRO)); /* with NOW: all of it is read-only after start */
}

static void no_memory_is_both_written_and_executed(void **state)
{
    (void)state;
    assert_non_null(segment(PT_GNU_STACK));
    assert_false(segment(PT_GNU_STACK)->p_flags & PF_X);
    for (size_t i = 0; i < head->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD)
            assert_false((segments[i].p_flags & PF_W) && (segments[i].p_flags & PF_X));
}

static void libraries_come_from_the_system_alone(void **state)
{
    bool found;
    (void)state;
    dynamic(DT_RPATH, &found);
    assert_false(found);
    dynamic(DT_RUNPATH, &found);
    assert_false(found);
    dynamic(DT_TEXTREL, &found);
    assert_false(found);
}

#ifndef SANITIZED
/* Is a function of this name imported?  Names of the dynamic string table end in NUL. */
static bool imports(const char *name)
{
    bool found;
    const uint64_t address = dynamic(DT_STRTAB, &found), size = dynamic(DT_STRSZ, &found);
    for (size_t i = 0; i < head->e_phnum; i++) {
        const Elf64_Phdr *s = &segments[i];
        if (s->p_type != PT_LOAD || address < s->p_vaddr || address >= s->p_vaddr + s->p_filesz)
            continue;
        const uint8_t *table = file + s->p_offset + (address - s->p_vaddr);
        return memmem(table, size, name, strlen(name) + 1) != NULL;
    }
    return false;
}

static void stacks_have_canaries_and_copies_are_checked(void **state)
{
    static const char *const names[] = {"__stack_chk_fail", "__snprintf_chk", "__memcpy_chk"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!imports(names[i]))
            fail_msg("'%s' is not used", names[i]);
    assert_false(imports("gets"));
}
#endif

#ifdef __x86_64__
/* Indirect jumps land on marks, returns are kept twice, where the processor can. */
static void jumps_and_returns_are_guarded(void **state)
{
    (void)state;
    const Elf64_Phdr *s = segment(PT_GNU_PROPERTY);
    assert_non_null(s);
    const Elf64_Nhdr *note = (const Elf64_Nhdr *)(const void *)(file + s->p_offset);
    const uint8_t *at = (const uint8_t *)(note + 1) + 4; /* "GNU" */
    const uint8_t *end = at + note->n_descsz;
    uint32_t features = 0;
    while (at + 8 <= end) {
        uint32_t type, size;
        memcpy(&type, at, 4);
        memcpy(&size, at + 4, 4);
        if (type == GNU_PROPERTY_X86_FEATURE_1_AND)
            memcpy(&features, at + 8, 4);
        at += 8 + (size + 7) / 8 * 8;
    }
    assert_true(features & GNU_PROPERTY_X86_FEATURE_1_IBT);
    assert_true(features & GNU_PROPERTY_X86_FEATURE_1_SHSTK);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_can_be_loaded_anywhere_and_is_bound_at_start),
        cmocka_unit_test(no_memory_is_both_written_and_executed),
        cmocka_unit_test(libraries_come_from_the_system_alone),
#ifndef SANITIZED
        cmocka_unit_test(stacks_have_canaries_and_copies_are_checked),
#endif
#ifdef __x86_64__
        cmocka_unit_test(jumps_and_returns_are_guarded),
#endif
    };
    return cmocka_run_group_tests(tests, map, NULL);
}
