//! Parse, Bind, Describe, Execute, Close, Sync, Flush (protocol chapter "Extended Query").

use super::expect::{Expect, RAW};
use super::params::{self, Bound, Encoded};
use super::simple::now_ms;
use super::statement::{self, Portal, Prepared};
use super::{Ended, Session, hatches};
use crate::config::UntypedParams;
use crate::error::{ClientError, SqlState};
use crate::reply::{self, Shape};
use crate::translate::{self, Action, Attach, Columns, Demand, Operand, OutColumn, OutKind, ParamClass, Plan, Shared, Source};
use crate::wire::{WireError, encode, frame, frontend};
use bytes::{BufMut, BytesMut};
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncRead, AsyncWrite};

/// What a frame of the extended protocol can fail with.
enum Failed {
    Wire(WireError),
    Client(ClientError, Option<Arc<str>>),
}

impl From<WireError> for Failed {
    fn from(error: WireError) -> Self {
        Failed::Wire(error)
    }
}

impl From<ClientError> for Failed {
    fn from(error: ClientError) -> Self {
        Failed::Client(error, None)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// One frame.
    pub(super) async fn extended(&mut self, tag: u8, whole: &[u8]) -> Result<(), Ended> {
        let body = &whole[frame::HEADER..];
        if tag == b'S' {
            self.settle_description(tag, body);
            self.batch_goes_on(tag, whole);
            self.replaying = false;
            self.sync(body);
            return Ok(());
        }
        if self.skipping {
            return Ok(());
        }
        self.settle_description(tag, body);
        if tag != b'B' {
            self.batch_goes_on(tag, whole);
        }
        let done = match tag {
            b'P' => self.parse(body).await,
            b'B' => self.bind(whole).await,
            b'D' => self.describe(body).await,
            b'E' => self.execute(body).await,
            b'C' => self.close(body),
            _ if !body.is_empty() => Err(WireError::Format.into()),
            _ => {
                self.prompt = true;
                if self.unsynced {
                    encode::empty(&mut self.bout, b'H');
                }
                Ok(())
            }
        };
        match done {
            Ok(()) => {}
            Err(Failed::Wire(error)) => self.fail(&super::simple::broken(&error), ""),
            Err(Failed::Client(error, sql)) => self.fail(&error, sql.as_deref().unwrap_or_default()),
        }
        Ok(())
    }

    fn sync(&mut self, body: &[u8]) {
        self.skipping = false;
        if !body.is_empty() {
            if self.link.is_some() && !self.is_sqlite() {
                // It ends the transaction: the backend is to see it.
                encode::message(&mut self.bout, b'S', |b| b.extend_from_slice(body));
                self.expect.push_back(Expect::Sync);
                self.unsynced = false;
                return;
            }
            self.inject_error(&super::simple::broken(&WireError::Format), "");
        }
        if let Some(Expect::Own { tag: Some(_), ready, .. }) = self.expect.back_mut().filter(|_| self.unsynced) {
            // The Query that ends the batch is answered by a ReadyForQuery: a Sync would have another, and a wake-up for it.
            *ready = true;
            self.unsynced = false;
        } else if self.unsynced {
            encode::empty(&mut self.bout, b'S');
            self.expect.push_back(Expect::Sync);
            self.unsynced = false;
        } else {
            self.ready_here();
        }
        if !self.transaction.is_active() {
            self.portals.clear();
        }
    }

    async fn parse(&mut self, body: &[u8]) -> Result<(), Failed> {
        let parse = frontend::parse(body)?;
        if parse.sql.len() > self.options.max_query_size {
            let message = format!("the statement of {} bytes is longer than max_query_size", parse.sql.len());
            return Err(ClientError::new(SqlState::PROGRAM_LIMIT, message).into());
        }
        let status = self.link.as_ref().filter(|_| self.expect.is_empty()).map_or(b'I', |link| link.status);
        let failed = status == b'E';
        if !failed && !parse.name.is_empty() && self.statements.contains_key(parse.name) {
            if !self.is_sqlite() {
                // What is wrong with the text itself comes first.
                self.ensure_link().await?;
                self.prepare(&translate::shared(parse.sql.to_owned(), parse.types, self.pool.generation()), false);
            }
            return Err(ClientError::new(SqlState::DUPLICATE_STATEMENT, format!("prepared statement \"{}\" already exists", parse.name)).into());
        }
        let sql: Arc<str> = parse.sql.into();
        let mut prepared = Prepared { sql: sql.clone(), declared: parse.types, plan: None, version: 0, shared: None, described: false, traces: None };
        if self.is_sqlite() {
            if let [_, second, ..] = crate::translate::split(parse.sql).as_slice() {
                let error = ClientError::new(SqlState::SYNTAX_ERROR, "cannot insert multiple commands into a prepared statement").at(second.start);
                return Err(Failed::Client(error, Some(sql)));
            }
            self.translate(&mut prepared).await.map_err(|e| Failed::Client(e, Some(sql)))?;
            self.keep(parse.name, prepared);
            self.inject_empty(b'1');
            return Ok(());
        }
        prepared.traces = translate::traces(parse.sql);
        self.ensure_link().await?;
        if parse.name.is_empty() {
            encode::parse(&mut self.bout, "", parse.sql, &prepared.declared);
            self.expect.push_back(Expect::Parse { pass: true, id: None });
            self.unnamed_here = true;
            self.unsynced = true;
        } else {
            let shared = translate::shared(parse.sql.to_owned(), prepared.declared.clone(), self.pool.generation());
            if status != b'I' {
                // Whether the transaction takes it, and what the statement means in it, is for the backend to say.
                self.unprepare(shared.id);
            }
            let before = self.unsynced;
            if !self.prepare(&shared, true) {
                // The batch has not begun with it.
                self.unsynced = before;
                self.inject_empty(b'1');
            }
            prepared.shared = Some(shared);
        }
        self.keep(parse.name, prepared);
        Ok(())
    }

    fn keep(&mut self, name: &str, prepared: Prepared) {
        let prepared = Arc::new(prepared);
        let before = match self.statements.get_mut(name) {
            Some(kept) => Some(std::mem::replace(kept, prepared)),
            None => self.statements.insert(name.to_owned(), prepared),
        };
        self.renamed(name, before);
    }

    /// A name stands for another statement, unless what stands before fails.
    fn renamed(&mut self, name: &str, before: Option<Arc<Prepared>>) {
        if !self.expect.is_empty() {
            self.expect.push_back(Expect::Renamed(name.into(), before));
        }
    }

    /// An error up to which the client's messages since the last Sync are undone, at the backend too.
    pub(super) fn fail(&mut self, error: &ClientError, sql: &str) {
        let at_backend = match &self.link {
            Some(link) if self.is_sqlite() => self.unsynced && !self.transaction.is_active() && link.status == b'I',
            Some(link) => self.unsynced || link.status != b'I' || !self.expect.is_empty(),
            None => false,
        };
        if !at_backend {
            self.inject_error(error, sql);
            self.skipping = true;
            return;
        }
        crate::observe::counters().errors.add(1);
        let mut told = BytesMut::new();
        encode::error(&mut told, error, sql);
        encode::execute(&mut self.bout, NO_PORTAL, 0);
        self.expect.push_back(Expect::Fail(told));
        self.unsynced = true;
        self.skipping = true;
    }

    /// Forgets a shared statement, here and at the backend.
    fn unprepare(&mut self, id: u64) {
        let Some(link) = self.link.as_mut() else { return };
        if !link.prepared.contains(id) {
            return;
        }
        link.prepared.remove(id);
        encode::target(&mut self.bout, b'C', b'S', &translate::shared_name(id));
        self.expect.push_back(Expect::Close { pass: false });
    }

    /// The translation of a statement with the catalog of now.
    async fn translate(&mut self, prepared: &mut Prepared) -> Result<(), ClientError> {
        let catalog = self.catalog().await?;
        let plan = self.pool.plans().extended(&prepared.sql, &prepared.classes(), &catalog, &self.translation(&catalog))?;
        prepared.version = catalog.version;
        prepared.traces.clone_from(&plan.traces);
        prepared.shared = statement::of_plan(&plan).map(|s| s.shared(catalog.version).clone());
        prepared.plan = Some(plan);
        Ok(())
    }

    /// Makes sure that the backend at hand has a shared statement; true when a Parse had to be sent.
    pub(super) fn prepare(&mut self, shared: &Shared, pass: bool) -> bool {
        let Some(link) = self.link.as_mut() else { return false };
        self.unsynced = true;
        if link.prepared.contains(shared.id) {
            return false;
        }
        if let Some(evicted) = link.prepared.insert(shared.id) {
            encode::target(&mut self.bout, b'C', b'S', &translate::shared_name(evicted));
            self.expect.push_back(Expect::Close { pass: false });
        }
        encode::parse(&mut self.bout, &shared.name, &shared.sql, &shared.types);
        self.expect.push_back(Expect::Parse { pass, id: Some(shared.id) });
        true
    }

    pub(super) fn find(&self, name: &str) -> Result<Arc<Prepared>, ClientError> {
        self.statements.get(name).cloned().ok_or_else(|| {
            let message = if name.is_empty() {
                "unnamed prepared statement does not exist".to_owned()
            } else {
                format!("prepared statement \"{name}\" does not exist")
            };
            ClientError::new(SqlState::INVALID_STATEMENT_NAME, message)
        })
    }

    /// The statement of a name, translated anew when the catalog has changed since.
    async fn current(&mut self, name: &str) -> Result<Arc<Prepared>, Failed> {
        let mut prepared = self.find(name)?;
        if prepared.plan.is_some() {
            let catalog = self.catalog().await?;
            if catalog.version != prepared.version {
                let (sql, before) = (prepared.sql.clone(), prepared.plan.clone());
                self.translate(Arc::make_mut(&mut prepared)).await.map_err(|e| Failed::Client(e, Some(sql)))?;
                let columns = |plan: &Option<Arc<Plan>>| plan.as_deref().and_then(|plan| self.result_columns(plan));
                if prepared.described && columns(&before) != columns(&prepared.plan) {
                    // In PostgreSQL's words: drivers know them, and prepare anew.
                    return Err(ClientError::new(SqlState::FEATURE_NOT_SUPPORTED, "cached plan must not change result type").into());
                }
                self.statements.insert(name.to_owned(), prepared.clone());
            }
        }
        Ok(prepared)
    }

    async fn bind(&mut self, whole: &[u8]) -> Result<(), Failed> {
        let body = &whole[frame::HEADER..];
        let (portal, name) = frontend::bind_names(body)?;
        if self.may_be_of_sql(name) {
            self.bind_of_sql(portal, whole);
            return Ok(());
        }
        let prepared = self.current(name).await?;
        let Some(plan) = prepared.plan.clone() else { return self.bind_native(portal, name, whole, &prepared).await };
        let bind = frontend::bind(body)?;
        let wanted = plan.params.len();
        if bind.values.len() != wanted {
            let message =
                format!("bind message supplies {} parameters, but prepared statement \"{}\" requires {wanted}", bind.values.len(), bind.statement);
            return Err(ClientError::new(SqlState::PROTOCOL_VIOLATION, message).into());
        }
        let values: Vec<Bound> = bind
            .values
            .iter()
            .enumerate()
            .map(|(i, bytes)| {
                let (oid, declared) = prepared.parameter(i);
                let format = frontend::format_at(&bind.formats, i);
                // A binary value has the type that was announced, if none was declared.
                Bound { bytes: *bytes, format, oid, declared: declared || format == 1 }
            })
            .collect();
        let Action::Execute(_) = &plan.action else {
            let columns = match &plan.action {
                Action::Answer(_) | Action::Counters(_) => self.result_columns(&plan),
                _ => None,
            };
            let columns = columns.map(|c| reply::Columns::new(c.into(), &bind.result_formats, prepared.described));
            let plan = given(plan, &values)?;
            self.open(bind.portal, Some(plan), Shape { columns, ..Shape::default() }, bind.result_formats, &prepared);
            self.inject_empty(b'2');
            return Ok(());
        };
        let failed = |e: ClientError| Failed::Client(e, Some(prepared.sql.clone()));
        let infer = self.options.untyped_params == UntypedParams::Infer && values.iter().any(|v| !v.declared);
        let first = if infer { None } else { self.slots(&plan, &values).map_err(failed)? };
        let mut version = prepared.version;
        let (plan, slots) = match first {
            Some(slots) => (plan, slots),
            None => {
                // A value is of another class than its context takes for granted: a variant that knows all classes.
                let class = |v: &Bound| if infer { v.class_by_looks() } else { v.class() };
                let classes = values.iter().map(class).collect::<Result<Vec<ParamClass>, _>>().map_err(failed)?;
                let catalog = self.catalog().await?;
                version = catalog.version;
                let variant = self.pool.plans().extended(&prepared.sql, &classes, &catalog, &self.translation(&catalog)).map_err(failed)?;
                let slots = self.slots(&variant, &values).map_err(failed)?;
                let slots = slots.ok_or_else(|| {
                    failed(ClientError::new(SqlState::INVALID_TEXT, "datatype mismatch").hint("A parameter's value cannot be stored in its column."))
                })?;
                (variant, slots)
            }
        };
        let Action::Execute(statement) = &plan.action else { return Err(failed(ClientError::refused("this statement with these parameters"))) };
        if let Some(widening) = &statement.widens {
            self.widen(widening).await.map_err(failed)?;
            self.again = true;
            return Ok(());
        }
        let alone = !self.unsynced;
        self.pragmas.extend(statement.sets.map(|(name, value)| (name, value.to_owned())));
        let shape = Shape::of(statement, &bind.result_formats, prepared.described);
        self.ensure_link().await?;
        self.protect_extended(statement.guard, bind.portal);
        let shared = statement.shared(version);
        self.prepare(shared, false);
        if !statement.temporary {
            self.leaves(prepared.traces.as_ref());
        }
        encode::message(&mut self.bout, b'B', |b| {
            encode::cstring(b, bind.portal);
            encode::cstring(b, &shared.name);
            put_formats(b, slots.iter().map(Encoded::format));
            b.put_u16(slots.len() as u16);
            slots.iter().for_each(|slot| params::put(b, slot));
            if shape.raw { put_formats(b, bind.result_formats.iter().copied()) } else { put_formats(b, backend_formats(&shape).into_iter()) }
        });
        self.expect.push_back(Expect::Bind { pass: !self.replaying });
        self.batch_begins(whole, alone, statement.may_misfit, version);
        self.open(bind.portal, Some(plan.clone()), shape, bind.result_formats, &prepared);
        Ok(())
    }

    fn open(&mut self, name: &str, plan: Option<Arc<Plan>>, shape: Shape, formats: Vec<i16>, prepared: &Prepared) {
        let portal = Portal { plan, shape: Arc::new(shape), formats, sql: prepared.sql.clone() };
        self.portals.insert(name.to_owned(), Arc::new(portal));
    }

    /// The values of a plan's slots; None when one does not fit.
    fn slots<'v>(&self, plan: &Plan, values: &'v [Bound<'v>]) -> Result<Option<Vec<Encoded<'v>>>, ClientError> {
        let Some(statement) = statement::of_plan(plan) else { return Ok(Some(Vec::new())) };
        let now = now_ms();
        let mut out = Vec::with_capacity(statement.template.slots.len());
        for slot in &statement.template.slots {
            match &slot.source {
                Source::Client(n) => {
                    let value = values.get(n - 1).ok_or_else(|| crate::translate::unbound(*n))?;
                    match value.encode(slot.demand)? {
                        Ok(encoded) => out.push(encoded),
                        Err(params::Misfit) => return Ok(None),
                    }
                }
                source => out.push(own_value(&*self.slot_value(source, &[], now)?, slot.demand)),
            }
        }
        Ok(Some(out))
    }

    /// A Bind in the postgres dialect: only the statement's name changes.
    async fn bind_native(&mut self, portal: &str, statement: &str, whole: &[u8], prepared: &Prepared) -> Result<(), Failed> {
        let (body, alone) = (&whole[frame::HEADER..], !self.unsynced);
        self.ensure_link().await?;
        let name = self.native_name(prepared);
        let rest = portal.len() + 1 + statement.len() + 1;
        encode::message(&mut self.bout, b'B', |b| {
            encode::cstring(b, portal);
            encode::cstring(b, &name);
            b.extend_from_slice(&body[rest..]);
        });
        self.expect.push_back(Expect::Bind { pass: true });
        self.batch_begins(whole, alone, false, 0);
        self.leaves(prepared.traces.as_ref());
        // It passes untouched.
        self.portals.remove(portal);
        Ok(())
    }

    /// The backend's name of a statement of the postgres dialect, which is made to be there.
    pub(super) fn native_name(&mut self, prepared: &Prepared) -> String {
        self.unsynced = true;
        match &prepared.shared {
            Some(shared) => {
                let shared = shared.clone();
                self.prepare(&shared, false);
                shared.name.clone()
            }
            None => {
                if !self.unnamed_here {
                    encode::parse(&mut self.bout, "", &prepared.sql, &prepared.declared);
                    self.expect.push_back(Expect::Parse { pass: false, id: None });
                    self.unnamed_here = true;
                }
                String::new()
            }
        }
    }

    async fn describe(&mut self, body: &[u8]) -> Result<(), Failed> {
        let (kind, name) = frontend::target(body, "DESCRIBE")?;
        if kind == b'S' { self.describe_statement(name).await } else { self.describe_portal(name).await }
    }

    async fn describe_statement(&mut self, name: &str) -> Result<(), Failed> {
        if self.may_be_of_sql(name) {
            self.describe_of_sql(name);
            return Ok(());
        }
        let name_of_client = name;
        let prepared = self.current(name).await?;
        let native = match &prepared.plan {
            None => true,
            Some(plan) => statement::of_plan(plan).is_some_and(|s| s.columns == Columns::Backend),
        };
        if native {
            self.ensure_link().await?;
            let name = if prepared.plan.is_some() {
                self.protect_extended(true, "");
                let shared = prepared.shared.clone().ok_or_else(|| ClientError::refused("describing this statement"))?;
                self.prepare(&shared, false);
                shared.name.clone()
            } else {
                self.native_name(&prepared)
            };
            encode::target(&mut self.bout, b'D', b'S', &name);
            self.expect.push_back(Expect::Describe);
            self.described(name_of_client);
            return Ok(());
        }
        let plan = prepared.plan.clone().ok_or_else(|| ClientError::refused("describing this statement"))?;
        let types: Vec<u32> = (0..plan.params.len()).map(|i| prepared.parameter(i).0).collect();
        let mut out = BytesMut::new();
        encode::parameter_description(&mut out, &types);
        match self.result_columns(&plan) {
            Some(columns) => reply::describe(&mut out, reply::Columns::new(columns.into(), &[], true).iter()),
            None => encode::empty(&mut out, b'n'),
        }
        self.described(name);
        self.inject(out);
        Ok(())
    }

    /// The client knows the columns of a statement.
    fn described(&mut self, name: &str) {
        if let Some(kept) = self.statements.get_mut(name) {
            Arc::make_mut(kept).described = true;
        }
    }

    /// The columns that a plan's answer has.
    fn result_columns(&self, plan: &Plan) -> Option<Vec<OutColumn>> {
        match &plan.action {
            Action::Execute(statement) => match &statement.columns {
                Columns::Shaped(columns) => Some(columns.to_vec()),
                Columns::None | Columns::Backend => None,
            },
            Action::Answer(answer) => answer.columns.clone(),
            Action::Counters(counters) => Some(counters.iter().map(|(column, _)| column.clone()).collect()),
            Action::Setting(setting) if setting.answers => {
                let value = setting.value.as_deref().or(self.pragmas.get(setting.name).map(String::as_str)).unwrap_or(setting.default);
                let kind = if value.parse::<i64>().is_ok() { OutKind::Integer } else { OutKind::Text };
                Some(vec![OutColumn { name: if setting.name == "busy_timeout" { "timeout" } else { setting.name }.to_owned(), kind }])
            }
            _ => None,
        }
    }

    async fn describe_portal(&mut self, name: &str) -> Result<(), Failed> {
        let portal = self.portal(name)?;
        if portal.shape.raw {
            self.ensure_link().await?;
            encode::target(&mut self.bout, b'D', b'P', name);
            self.expect.push_back(Expect::Describe);
            self.unsynced = true;
            return Ok(());
        }
        if portal.shape.is_dynamic() && !self.dynamic_text {
            self.undescribed = Some(name.to_owned());
            return Ok(());
        }
        let mut out = BytesMut::new();
        let columns = portal.plan.as_ref().filter(|_| portal.shape.columns.is_none()).and_then(|p| self.result_columns(p));
        match (&portal.shape.columns, columns) {
            (Some(columns), _) => reply::describe(&mut out, columns.iter()),
            (None, Some(columns)) => reply::describe(&mut out, reply::Columns::new(columns.into(), &portal.formats, false).iter()),
            (None, None) => encode::empty(&mut out, b'n'),
        }
        if !self.replaying {
            self.inject(out);
        }
        Ok(())
    }

    /// A description that waited for its portal's Execute: it goes with the rows if that comes now, else all dynamic columns are text.
    fn settle_description(&mut self, tag: u8, body: &[u8]) {
        let Some(name) = self.undescribed.take() else { return };
        let Some(portal) = self.portals.get_mut(&name) else { return };
        if tag == b'E' && frontend::execute(body).is_ok_and(|(n, limit)| n == name && limit == 0) {
            Arc::make_mut(&mut Arc::make_mut(portal).shape).held = true;
            return;
        }
        let mut out = BytesMut::new();
        if let Some(columns) = &portal.shape.columns {
            reply::describe(&mut out, columns.iter());
        }
        self.inject(out);
    }

    fn portal(&self, name: &str) -> Result<Arc<Portal>, ClientError> {
        let missing = || ClientError::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"));
        match self.portals.get(name) {
            Some(portal) => Ok(portal.clone()),
            None if self.is_sqlite() => Err(missing()),
            None => Ok(UNTOUCHED.clone()),
        }
    }

    async fn execute(&mut self, body: &[u8]) -> Result<(), Failed> {
        let (name, limit) = frontend::execute(body)?;
        let portal = self.portal(name)?;
        let failed = |e: ClientError| Failed::Client(e, Some(portal.sql.clone()));
        hatches::count(portal.plan.as_ref().map(|p| p.hatches).unwrap_or_default());
        match portal.plan.as_ref().map(|p| &p.action) {
            Some(Action::Transaction(control)) => {
                self.control(control, false).await.map_err(failed)?;
                self.unsynced = true;
            }
            Some(Action::Execute(_)) | None => {
                if let Some(plan) = &portal.plan {
                    let catalog = self.catalog().await?;
                    self.note_ddl(&portal.sql, plan, &catalog);
                }
                self.ensure_link().await?;
                // Hidden rows are the proxy's, so the client's limit does not hold for them.
                let limit = if portal.shape.swallows_rows() { 0 } else { limit };
                encode::execute(&mut self.bout, name, limit);
                self.expect.push_back(Expect::Execute { shape: portal.shape.clone() });
                // A portal that is left open must outlive what fails after it.
                let only_reads = portal.plan.as_deref().and_then(statement::of_plan).is_some_and(|s| s.only_reads);
                if !only_reads || limit > 0 {
                    self.transaction.used();
                }
                self.unsynced = true;
            }
            Some(Action::Attach(attach)) => {
                let tag = self.attach(attach).await.map_err(failed)?;
                let mut out = BytesMut::new();
                encode::complete(&mut out, tag);
                self.inject(out);
            }
            Some(_) => {
                if self.own_setting(&portal.sql) {
                    return Ok(());
                }
                let plan = portal.plan.clone().ok_or_else(|| ClientError::refused("this portal"))?;
                let out = self.answer(&plan, &portal.formats, false).map_err(failed)?;
                self.inject(out);
            }
        }
        Ok(())
    }

    fn close(&mut self, body: &[u8]) -> Result<(), Failed> {
        let (kind, name) = frontend::target(body, "CLOSE")?;
        if kind == b'S' {
            if let Some(before) = self.statements.remove(name) {
                self.renamed(name, Some(before));
            }
        } else if let Ok(portal) = self.portal(name)
            && portal.plan.as_ref().is_none_or(|p| statement::of_plan(p).is_some())
            && self.link.is_some()
        {
            self.portals.remove(name);
            encode::target(&mut self.bout, b'C', b'P', name);
            self.expect.push_back(Expect::Close { pass: true });
            self.unsynced = true;
            return Ok(());
        }
        if kind == b'P' {
            self.portals.remove(name);
        }
        self.inject_empty(b'3');
        Ok(())
    }
}

/// A name that stands for no portal.
const NO_PORTAL: &str = "litewire: none";

/// A portal of the postgres dialect: it passes as it is, and whether it exists the backend knows.
static UNTOUCHED: LazyLock<Arc<Portal>> =
    LazyLock::new(|| Arc::new(Portal { plan: None, shape: RAW.clone(), formats: Vec::new(), sql: Arc::default() }));

/// The plan of an ATTACH or DETACH with its parameters' values; any other as it is.
fn given(plan: Arc<Plan>, values: &[Bound]) -> Result<Arc<Plan>, ClientError> {
    let Action::Attach(attach) = &plan.action else { return Ok(plan) };
    let text = |operand: &Operand| -> Result<Operand, ClientError> {
        let Operand::Param(n) = operand else { return Ok(operand.clone()) };
        let value = values.get(n - 1).ok_or_else(|| translate::unbound(*n))?.value()?;
        Ok(Operand::Text(value.text().unwrap_or_default().into_owned()))
    };
    let attach = match attach {
        Attach::Attach { file, name } => Attach::Attach { file: text(file)?, name: text(name)? },
        Attach::Detach(name) => Attach::Detach(text(name)?),
    };
    Ok(Arc::new(Plan { hatches: plan.hatches, ..Plan::of(Action::Attach(attach), plan.params.clone()) }))
}

/// A value of the proxy's own for a slot.
fn own_value(value: &crate::value::Value, demand: Demand) -> Encoded<'static> {
    match (value.text(), demand) {
        (None, _) => Encoded::Null,
        (_, Demand::Dynamic) => crate::value::carrier::encode(value).map_or(Encoded::Null, Encoded::Text),
        (Some(text), _) => Encoded::Text(text.into_owned()),
    }
}

/// The formats in which the backend is asked for its columns: the client's, hidden ones in text.
fn backend_formats(shape: &Shape) -> Vec<i16> {
    let Some(columns) = shape.columns.as_ref().filter(|c| c.iter().any(|c| c.format != 0)) else { return Vec::new() };
    // Dynamic values are always taken as text, and shaped here.
    let format = |c: reply::Column| if matches!(c.kind, OutKind::Dynamic(_)) { 0 } else { c.format };
    columns.iter().map(format).chain(shape.hidden.iter().map(|_| 0)).collect()
}

fn put_formats(out: &mut BytesMut, formats: impl ExactSizeIterator<Item = i16> + Clone) {
    if formats.clone().all(|f| f == 0) {
        out.put_u16(0);
        return;
    }
    out.put_u16(formats.len() as u16);
    formats.for_each(|f| out.put_i16(f));
}
