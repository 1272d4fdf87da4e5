// Libraries that are loaded when one of their functions is first called, so that commands which need none of them start
// at once.

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *lazy_find(const char *soname, const char *name) {
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    void *function = library ? dlsym(library, name) : NULL;
    if (!function) {
        fprintf(stderr, "motrans: %s cannot be loaded: %s; install the package that has it\n", soname, dlerror());
        exit(5);
    }
    return function;
}

// A function of a library under its own name; the header of the library checks its type. Two threads may both look it
// up, and find the same.
#define LAZY(find, soname, type, name, parameters, arguments)                           \
    type name parameters {                                                              \
        static type(*function) parameters;                                              \
        type(*known) parameters = __atomic_load_n(&function, __ATOMIC_ACQUIRE);         \
        if (!known) {                                                                   \
            known = (type(*) parameters)find(soname, #name);                            \
            __atomic_store_n(&function, known, __ATOMIC_RELEASE);                       \
        }                                                                               \
        return known arguments;                                                         \
    }
