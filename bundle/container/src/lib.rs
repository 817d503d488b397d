//! What steers a container, read from text: `/etc/fstab`, `/etc/environment`, and the configuration files that have the same forms.
//! Pure: nothing here opens a file or changes the system.
