//! The user databases of a container: `/etc/passwd` and `/etc/group` with the user who starts it.

/// A user as `/etc/passwd` describes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: Vec<u8>,
    /// The number.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// The full name and other notes.
    pub gecos: Vec<u8>,
    /// The home directory.
    pub home: Vec<u8>,
    /// The login shell.
    pub shell: Vec<u8>,
}

/// The user of this number in the text of a `/etc/passwd`.
pub fn find_user(text: &[u8], uid: u32) -> Option<User> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let [name, _, number, group, gecos, home, shell] = fields(line)?;
        (!name.is_empty() && parse_id(number)? == uid).then_some(User {
            name: name.to_vec(),
            uid,
            gid: parse_id(group)?,
            gecos: gecos.to_vec(),
            home: home.to_vec(),
            shell: shell.to_vec(),
        })
    })
}

/// The name of the group of this number in the text of a `/etc/group`.
pub fn find_group(text: &[u8], gid: u32) -> Option<Vec<u8>> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let [name, _, number, _] = fields(line)?;
        (!name.is_empty() && parse_id(number)? == gid).then(|| name.to_vec())
    })
}

/// The `/etc/passwd` for a container: root, nobody and the user come first, then the image's own entries but for those of the
/// same names. `_apt` goes, too: apt would try to become it, and cannot. What is no entry is left out.
pub fn passwd_with_user(image: &[u8], user: &User, nobody: u32, nogroup: u32) -> Vec<u8> {
    let shell = clean(&user.shell);
    let own = [
        entry(&[b"root", b"x", b"0", b"0", b"root", b"/root", &shell]),
        entry(&[
            b"nobody",
            b"x",
            &id(nobody),
            &id(nogroup),
            b"nobody",
            b"/",
            b"/sbin/nologin",
        ]),
        entry(&[
            &clean(&user.name),
            b"x",
            &id(user.uid),
            &id(user.gid),
            &clean(&user.gecos),
            &clean(&user.home),
            &shell,
        ]),
    ];
    join::<7>(&own, image)
}

/// The `/etc/group` for a container: root, nogroup and the user's group come first, then the image's own but for those of the
/// same names and `_apt`.
pub fn group_with_user(image: &[u8], group: &[u8], gid: u32, nogroup: u32) -> Vec<u8> {
    let own = [
        entry(&[b"root", b"x", b"0", b""]),
        entry(&[b"nogroup", b"x", &id(nogroup), b""]),
        entry(&[&clean(group), b"x", &id(gid), b""]),
    ];
    join::<4>(&own, image)
}

/// The value of a word in the text of a `/etc/default/useradd` (`SHELL=/bin/sh`) or `/etc/login.defs` (`CREATE_HOME yes`).
pub fn default_of<'t>(text: &'t [u8], name: &str) -> Option<&'t [u8]> {
    text.split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .find_map(|line| {
            let after = line.strip_prefix(name.as_bytes())?;
            let (separator, value) = after.split_first()?;
            let separates = *separator == b'=' || separator.is_ascii_whitespace();
            separates.then(|| value.trim_ascii())
        })
}

/// Our entries, of which a later one replaces an earlier one of the same name, then the image's others.
fn join<const FIELDS: usize>(own: &[Vec<u8>; 3], image: &[u8]) -> Vec<u8> {
    let [root, nobody, user] = own;
    let name_of = |entry: &[u8]| entry.split(|&byte| byte == b':').next().map(<[u8]>::to_vec);
    let mut lines: Vec<&[u8]> = [root, nobody]
        .into_iter()
        .filter(|entry| name_of(entry) != name_of(user))
        .chain([user])
        .map(Vec::as_slice)
        .collect();
    let mut taken: Vec<_> = own.iter().map(|entry| name_of(entry)).collect();
    taken.push(Some(b"_apt".to_vec()));
    for line in image.split(|&byte| byte == b'\n') {
        let is_entry = fields::<FIELDS>(line).is_some_and(|fields| {
            !fields[0].is_empty() && parse_id(fields[2]).is_some() && !line.contains(&0)
        });
        if is_entry && !taken.contains(&name_of(line)) {
            lines.push(line);
        }
    }
    let mut text = lines.join(&b'\n');
    text.push(b'\n');
    text
}

fn entry(fields: &[&[u8]]) -> Vec<u8> {
    fields.join(&b':')
}

fn fields<const COUNT: usize>(line: &[u8]) -> Option<[&[u8]; COUNT]> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
    fields.try_into().ok()
}

fn id(number: u32) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn parse_id(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// A field without the bytes that would end it.
fn clean(field: &[u8]) -> Vec<u8> {
    let ends = |byte: u8| matches!(byte, b':' | b'\n' | b'\r' | 0);
    field
        .iter()
        .map(|&byte| if ends(byte) { b'_' } else { byte })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IMAGE: &str = "root:x:0:0:root:/root:/bin/bash\n\
                         daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
                         _apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n\
                         broken\n\
                         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
                         ubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash\n";

    fn user(name: &str, uid: u32) -> User {
        User {
            name: name.into(),
            uid,
            gid: uid,
            gecos: b"Me, myself".to_vec(),
            home: format!("/home/{name}").into_bytes(),
            shell: b"/bin/zsh".to_vec(),
        }
    }

    #[track_caller]
    fn check(found: Vec<u8>, expected: &str) {
        assert_eq!(String::from_utf8(found).expect("UTF-8"), expected);
    }

    #[test]
    fn the_user_comes_first() {
        check(
            passwd_with_user(IMAGE.as_bytes(), &user("me", 1000), 65534, 65533),
            "root:x:0:0:root:/root:/bin/zsh\n\
             nobody:x:65534:65533:nobody:/:/sbin/nologin\n\
             me:x:1000:1000:Me, myself:/home/me:/bin/zsh\n\
             daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
             ubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash\n",
        );
        let groups = b"root:x:0:\nadm:x:4:me\n_apt:x:42:\nme:x:7:\nnogroup:x:65534:";
        check(
            group_with_user(groups, b"me", 1000, 65534),
            "root:x:0:\nnogroup:x:65534:\nme:x:1000:\nadm:x:4:me\n",
        );
    }

    #[test]
    fn root_is_there_once_when_it_is_the_user() {
        check(
            passwd_with_user(b"", &user("root", 0), 65534, 65534),
            "nobody:x:65534:65534:nobody:/:/sbin/nologin\n\
             root:x:0:0:Me, myself:/home/root:/bin/zsh\n",
        );
        check(
            group_with_user(b"", b"root", 0, 9),
            "nogroup:x:9:\nroot:x:0:\n",
        );
    }

    #[test]
    fn entries_are_found_by_their_numbers() {
        let ubuntu = find_user(IMAGE.as_bytes(), 1000).expect("an entry");
        assert_eq!(ubuntu.home, b"/home/ubuntu");
        assert_eq!(find_user(IMAGE.as_bytes(), 7), None);
        assert_eq!(find_group(b"a:x:1:\nb:x:2:c", 2), Some(b"b".to_vec()));
        assert_eq!(find_group(b"+::2:\nx", 3), None);
    }

    #[test]
    fn defaults_are_read_from_both_forms() {
        let text = b"# SHELL=/no\n SHELL=/bin/dash\nCREATE_HOME\t yes \nSHELLS x";
        assert_eq!(default_of(text, "SHELL"), Some(&b"/bin/dash"[..]));
        assert_eq!(default_of(text, "CREATE_HOME"), Some(&b"yes"[..]));
        assert_eq!(default_of(text, "UMASK"), None);
    }

    proptest! {
        #[test]
        fn the_user_is_found_again_whatever_the_image_says(
            image in prop::collection::vec(any::<u8>(), 0..100),
            name in "[a-z]{1,8}",
            home in prop::collection::vec(any::<u8>(), 0..10),
            uid in 1_u32..,
        ) {
            let mut user = user(&name, uid);
            user.home = home;
            let text = passwd_with_user(&image, &user, 65534, 65534);
            if uid != 65534 {
                let found = find_user(&text, uid).expect("the user");
                prop_assert_eq!(found.home, clean(&user.home));
                prop_assert_eq!(&found.name, &user.name);
            }
            // Done again, nothing changes.
            prop_assert_eq!(passwd_with_user(&text, &user, 65534, 65534), text);
            group_with_user(&image, name.as_bytes(), uid, 65534);
            default_of(&image, "SHELL");
        }
    }
}
