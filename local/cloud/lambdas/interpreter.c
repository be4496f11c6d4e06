/* An interpreter that starts as Lambda's does: with a library that only LD_LIBRARY_PATH leads to.
 *
 * Root may write to files that nobody may write to. Lambda's functions may not, so this right is dropped.
 * Orphans of the function's children become children of the function, so that their memory counts.
 */
#include <sys/prctl.h>
#include <unistd.h>

#define CAP_DAC_OVERRIDE 1

int found_by_the_loader(void);

int main(int count, char **words) {
    (void)count;
    prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    words[0] = REAL_PYTHON;
    return found_by_the_loader() ? execv(REAL_PYTHON, words) : 1;
}
