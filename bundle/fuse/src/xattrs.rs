//! Extended attributes: GETXATTR and LISTXATTR.

use bundle_squashfs::Xattr;

use crate::protocol::{Fields, Request};
use crate::serve::{Failure, Server};

impl Server<'_> {
    pub(crate) fn get_xattr(&self, request: Request<'_>, out: &mut Fields) -> Result<(), Failure> {
        let limit_bytes = request.body.u32(0).ok_or(Failure::MALFORMED)?;
        let name = request.body.name(8).ok_or(Failure::MALFORMED)?;
        let attributes = self.xattrs(request.node)?;
        let found = attributes
            .into_iter()
            .find(|(candidate, _)| candidate == name);
        let (_, value) = found.ok_or(Failure::Errno(libc::ENODATA))?;
        answer(&value, limit_bytes, out)
    }

    pub(crate) fn list_xattrs(
        &self,
        request: Request<'_>,
        out: &mut Fields,
    ) -> Result<(), Failure> {
        let limit_bytes = request.body.u32(0).ok_or(Failure::MALFORMED)?;
        let mut names = Vec::new();
        for (name, _) in self.xattrs(request.node)? {
            names.extend_from_slice(&name);
            names.push(0);
        }
        answer(&names, limit_bytes, out)
    }

    fn xattrs(&self, node: u64) -> Result<Vec<Xattr>, Failure> {
        // The kernel does not ask again, for any file.
        if !self.has_xattrs {
            return Err(Failure::Errno(libc::ENOSYS));
        }
        Ok(self.image.xattrs(&self.inode(node)?)?)
    }
}

/// The value, or only its size if that is what is asked for.
fn answer(value: &[u8], limit_bytes: u32, out: &mut Fields) -> Result<(), Failure> {
    if limit_bytes == 0 {
        out.u32(value.len() as u32).u32(0);
    } else if value.len() > limit_bytes as usize {
        return Err(Failure::Errno(libc::ERANGE));
    } else {
        out.bytes(value);
    }
    Ok(())
}
