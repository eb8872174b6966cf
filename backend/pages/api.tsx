import type { Offer } from "../catalogue.ts";
import { describeClaim } from "../../crds/claim_words.ts";
import type { FieldDoc, SchemaDoc } from "../schema_doc.ts";
import { Icon } from "./catalogue.tsx";
import { Frame, type Visitor } from "./frame.tsx";

export interface ApiPageProps {
  prettyName: string;
  visitor: Visitor;
  offer: Offer;
  /** Where it is bound. */
  href: string;
  /** Absent when the schema cannot be read. */
  schema?: SchemaDoc;
}

/** All about one API: what it is, what it would be allowed, and how its objects look. */
export const ApiPage = ({ prettyName, visitor, offer, href, schema }: ApiPageProps) => {
  const { api, title, about, versions, documentationUrl } = offer;
  return (
    <Frame title={title} prettyName={prettyName} visitor={visitor} here="catalogue">
      <div class="head">
        <Icon offer={offer} />
        <div>
          <h1>{title}</h1>
          <p class="meta">{`${api.kind} · ${api.group} · ${api.scope} · ${versions.join(", ")}`}</p>
        </div>
        <a class={`btn btn-primary ${api.plural}`} href={href} aria-label={`Bind ${title}`}>Bind</a>
      </div>
      {about && <p class="prose">{about}</p>}
      {documentationUrl && (
        <p class="prose">
          <a href={documentationUrl} rel="noreferrer" target="_blank">Documentation</a>
        </p>
      )}
      <h2>What it may do on your cluster</h2>
      <Claims offer={offer} />
      {schema && (
        <>
          <h2>An object of it</h2>
          <pre tabindex={0}>{schema.example}</pre>
          <h2>What you specify</h2>
          <Fields fields={schema.spec} none="There is nothing to specify." />
          <h2>What is reported to you</h2>
          <Fields fields={schema.status} none="Nothing is reported." />
        </>
      )}
    </Frame>
  );
};

const Claims = ({ offer: { claims } }: { offer: Offer }) => (
  <div class="panel">
    {claims.length === 0 ? <p>It touches nothing but its own objects.</p> : (
      <>
        <ul>
          {claims.map(describeClaim).map(({ summary, details }) => (
            <li key={summary}>
              {summary}.<small>{details.join(" ")}</small>
            </li>
          ))}
        </ul>
        <p class="quiet">Nothing of this is granted by binding: the command line asks whether you agree.</p>
      </>
    )}
  </div>
);

const Fields = ({ fields, none }: { fields: FieldDoc[]; none: string }) => (
  <div class="panel">{fields.length === 0 ? <p>{none}</p> : <FieldList fields={fields} />}</div>
);

const FieldList = ({ fields }: { fields: FieldDoc[] }) => (
  <ul class="fields">
    {fields.map((field) => (
      <li key={field.name}>
        {field.fields.length === 0 ? <Field field={field} /> : (
          <details>
            <summary>
              <FieldName field={field} />
            </summary>
            <FieldText field={field} />
            <FieldList fields={field.fields} />
          </details>
        )}
      </li>
    ))}
  </ul>
);

const Field = ({ field }: { field: FieldDoc }) => (
  <>
    <FieldName field={field} />
    <FieldText field={field} />
  </>
);

const FieldName = ({ field: { name, type, isRequired } }: { field: FieldDoc }) => (
  <>
    <code>{name}</code> <span class="type">{type}</span> {isRequired && <span class="must">required</span>}
  </>
);

const FieldText = ({ field: { description, facts } }: { field: FieldDoc }) => (
  <>
    {description && <p>{description}</p>}
    {facts.length > 0 && <p>{facts.join(" ")}</p>}
  </>
);
