package headwater;

import java.io.File;
import java.io.FileWriter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.regex.Pattern;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.security.AccessControlException;
import org.apache.hadoop.util.Progressable;

/**
 * The lake's files, held to what the job's role may do on S3. Each operation asks for the actions that S3A would need
 * (Hadoop, "Working with IAM Assumed Roles": open is GetObject; create is PutObject; rename is GetObject, PutObject and
 * DeleteObject; a look is GetObject of the key or ListBucket of the prefix), and a refusal has S3's words.
 *
 * The rules come as lines of fs.lake.rules: "deny", or a number of a layer that must allow; the action; a regular
 * expression over "bucket/key" (for ListBucket over "bucket/prefix"); separated by tabs. Without rules all is allowed.
 *
 * What was done is told in the file fs.lake.uses, what was refused in fs.lake.denials: a line each, once a folder. Looks
 * and the reading side of a rename are not told: S3A alone would ask S3 for them.
 */
public class ConfinedFileSystem extends RawLocalFileSystem {
    // Operations are built of others of this class: only what the caller asked for is decided.
    private static final ThreadLocal INSIDE = new ThreadLocal();
    private static final HashSet TOLD = new HashSet();

    private String root;
    private String who;
    private String denials;
    private String uses;
    private String[] layers = new String[0];
    private List rules = new ArrayList();

    public void setConf(Configuration conf) {
        super.setConf(conf);
        if (conf == null || conf.get("fs.lake.root") == null) {
            return;
        }
        this.root = conf.get("fs.lake.root");
        this.uses = conf.get("fs.lake.uses");
        if (conf.get("fs.lake.rules") == null) {
            return;
        }
        this.who = conf.get("fs.lake.principal");
        this.denials = conf.get("fs.lake.denials");
        this.layers = conf.get("fs.lake.layers").split(",");
        this.rules = new ArrayList();
        String[] lines = conf.get("fs.lake.rules").split("\n");
        for (int i = 0; i < lines.length; i++) {
            String[] parts = lines[i].split("\t", 3);
            if (parts.length == 3) {
                this.rules.add(new Object[] {parts[0], parts[1], Pattern.compile(parts[2], Pattern.DOTALL)});
            }
        }
    }

    private String key(Path path) {
        String whole = path.toUri().getPath();
        if (this.root == null || !whole.startsWith(this.root + "/")) {
            return null;
        }
        return whole.substring(this.root.length() + 1);
    }

    private boolean matches(String kind, String action, String name) {
        for (int i = 0; i < this.rules.size(); i++) {
            Object[] rule = (Object[]) this.rules.get(i);
            if (rule[0].equals(kind) && rule[1].equals(action) && ((Pattern) rule[2]).matcher(name).matches()) {
                return true;
            }
        }
        return false;
    }

    private String refusal(String action, String name) {
        if (this.matches("deny", action, name)) {
            return "with an explicit deny in a policy";
        }
        for (int layer = 0; layer < this.layers.length; layer++) {
            if (!this.matches(String.valueOf(layer), action, name)) {
                return "because no " + this.layers[layer] + " allows the s3:" + action + " action";
            }
        }
        return null;
    }

    private boolean may(String action, String name) {
        return this.refusal(action, name) == null;
    }

    private void need(String action, String name) throws IOException {
        String why = this.refusal(action, name);
        if (why == null) {
            return;
        }
        this.note(this.denials, action, name);
        int slash = name.indexOf('/');
        String bucket = slash < 0 ? name : name.substring(0, slash);
        String resource = "arn:aws:s3:::" + (action.equals("ListBucket") ? bucket : name);
        String prefix = action.equals("ListBucket") ? " (prefix " + name.substring(slash + 1) + ")" : "";
        throw new AccessControlException("AccessDenied: User: " + this.who + " is not authorized to perform: s3:"
            + action + " on resource: \"" + resource + "\" " + why + prefix);
    }

    /** Tell of a use, once a folder; of the folders for what is not finished only that they were used. */
    private void used(String action, String name) throws IOException {
        int hidden = Math.max(name.indexOf("/_temporary/"), name.indexOf("/.spark-staging"));
        String kept = hidden < 0 ? name : name.substring(0, hidden) + "/_temporary";
        int slash = kept.lastIndexOf('/');
        String place = action.equals("ListBucket") || slash < 0 ? kept : kept.substring(0, slash);
        synchronized (TOLD) {
            if (!TOLD.add(this.uses + "\t" + action + "\t" + place)) {
                return;
            }
        }
        this.note(this.uses, action, kept);
    }

    /** A line of a file for the endpoint: the action, a tab, the name. */
    private void note(String told, String action, String name) throws IOException {
        if (told != null) {
            synchronized (INSIDE) {
                FileWriter file = new FileWriter(told, true);
                try {
                    file.write(action + "\t" + name + "\n");
                } finally {
                    file.close();
                }
            }
        }
    }

    private boolean enter(Path path) {
        if (INSIDE.get() != null || this.key(path) == null) {
            return false;
        }
        INSIDE.set(Boolean.TRUE);
        return true;
    }

    private void leave(boolean entered) {
        if (entered) {
            INSIDE.remove();
        }
    }

    /** Every object at or below a file or folder; a folder's own marker where it holds none. */
    private void needAll(String[] actions, File place, String name) throws IOException {
        File[] inner = place.listFiles();
        if (inner == null || inner.length == 0) {
            String marked = place.isDirectory() ? name + "/" : name;
            for (int i = 0; i < actions.length; i++) {
                this.need(actions[i], marked);
            }
            return;
        }
        for (int i = 0; i < inner.length; i++) {
            this.needAll(actions, inner[i], name + "/" + inner[i].getName());
        }
    }

    public FSDataInputStream open(Path path, int size) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered) {
                this.need("GetObject", this.key(path));
                this.used("GetObject", this.key(path));
            }
            return super.open(path, size);
        } finally {
            this.leave(entered);
        }
    }

    public FSDataOutputStream create(Path path, FsPermission permission, boolean overwrite, int size, short copies,
            long block, Progressable progress) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered) {
                this.need("PutObject", this.key(path));
                this.used("PutObject", this.key(path));
            }
            return super.create(path, permission, overwrite, size, copies, block, progress);
        } finally {
            this.leave(entered);
        }
    }

    public FSDataOutputStream create(Path path, boolean overwrite, int size, short copies, long block,
            Progressable progress) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered) {
                this.need("PutObject", this.key(path));
                this.used("PutObject", this.key(path));
            }
            return super.create(path, overwrite, size, copies, block, progress);
        } finally {
            this.leave(entered);
        }
    }

    public FSDataOutputStream createNonRecursive(Path path, FsPermission permission, boolean overwrite, int size,
            short copies, long block, Progressable progress) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered) {
                this.need("PutObject", this.key(path));
                this.used("PutObject", this.key(path));
            }
            return super.createNonRecursive(path, permission, overwrite, size, copies, block, progress);
        } finally {
            this.leave(entered);
        }
    }

    public FSDataOutputStream append(Path path, int size, Progressable progress) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered) {
                this.need("GetObject", this.key(path));
                this.need("PutObject", this.key(path));
                this.used("PutObject", this.key(path));
            }
            return super.append(path, size, progress);
        } finally {
            this.leave(entered);
        }
    }

    public boolean truncate(Path path, long length) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered) {
                this.need("PutObject", this.key(path));
            }
            return super.truncate(path, length);
        } finally {
            this.leave(entered);
        }
    }

    public boolean rename(Path from, Path to) throws IOException {
        boolean entered = this.enter(from);
        try {
            if (entered) {
                this.needAll(new String[] {"GetObject", "DeleteObject"}, this.pathToFile(from), this.key(from));
                String end = this.pathToFile(from).isDirectory() ? "/" : "";
                this.used("DeleteObject", this.key(from) + end);
                if (this.key(to) != null) {
                    this.needAll(new String[] {"PutObject"}, this.pathToFile(from), this.key(to));
                    this.used("PutObject", this.key(to) + end);
                }
            }
            return super.rename(from, to);
        } finally {
            this.leave(entered);
        }
    }

    public boolean delete(Path path, boolean recursive) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered && this.pathToFile(path).exists()) {
                this.needAll(new String[] {"DeleteObject"}, this.pathToFile(path), this.key(path));
                this.used("DeleteObject", this.key(path) + (this.pathToFile(path).isDirectory() ? "/" : ""));
            }
            return super.delete(path, recursive);
        } finally {
            this.leave(entered);
        }
    }

    public boolean mkdirs(Path path) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered && !this.pathToFile(path).isDirectory()) {
                this.need("PutObject", this.key(path) + "/");
            }
            return super.mkdirs(path);
        } finally {
            this.leave(entered);
        }
    }

    public boolean mkdirs(Path path, FsPermission permission) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered && !this.pathToFile(path).isDirectory()) {
                this.need("PutObject", this.key(path) + "/");
            }
            return super.mkdirs(path, permission);
        } finally {
            this.leave(entered);
        }
    }

    public FileStatus[] listStatus(Path path) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered) {
                this.look(path);
                this.used("ListBucket", this.key(path) + "/");
            }
            return super.listStatus(path);
        } finally {
            this.leave(entered);
        }
    }

    public FileStatus getFileStatus(Path path) throws IOException {
        boolean entered = this.enter(path);
        try {
            if (entered) {
                this.look(path);
            }
            return super.getFileStatus(path);
        } finally {
            this.leave(entered);
        }
    }

    /** A HEAD of the key, or a listing of what is below it; a bucket itself may be seen. */
    private void look(Path path) throws IOException {
        String name = this.key(path);
        if (name.indexOf('/') < 0) {
            return;
        }
        if (this.pathToFile(path).isFile()) {
            if (!this.may("ListBucket", name)) {
                this.need("GetObject", name);
            }
            return;
        }
        this.need("ListBucket", this.may("ListBucket", name + "/") ? name + "/" : name);
    }
}
