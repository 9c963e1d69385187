// A version that cannot serve: its migrations do their work, every other role ends at once.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count > 1 && strcmp(words[1], "migrate") == 0) {
        execv("/usr/bin/vitte-itself", words);
        perror("/usr/bin/vitte-itself");
        return 1;
    }
    fputs("this version is faulty\n", stderr);
    return 1;
}
