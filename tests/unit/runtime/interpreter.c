/* An interpreter that starts as Lambda's does: with a library that only LD_LIBRARY_PATH leads to. */
#include <unistd.h>

int found_by_the_loader(void);

int main(int count, char **words) {
    (void)count;
    words[0] = REAL_PYTHON;
    return found_by_the_loader() ? execv(REAL_PYTHON, words) : 1;
}
